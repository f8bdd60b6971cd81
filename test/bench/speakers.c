#include "speakers.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "arguments.h"
#include "crypto/identity.h"
#include "net/address.h"
#include "wire/announcement.h"

#define BATCH 64
/* Room for an announcement with a short name and a signature. */
#define TEXT_BYTES 320
/* The same in every run, so that who was heard before is heard again. */
#define SINCE_S 1763625600

struct speaker {
	size_t len;
	char text[TEXT_BYTES];
	/* Names its address as the source (ip(7), IP_PKTINFO). */
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(struct in_pktinfo))];
	} control;
};

static void prepare(struct speaker *speaker, struct in_addr address, size_t number)
{
	struct announcement announcement = {.has_identity = true, .since_s = SINCE_S};
	struct in_pktinfo info = {.ipi_spec_dst = address};
	uint8_t seed[IDENTITY_SEED_BYTES] = {0};
	char text[ANNOUNCEMENT_MAX_BYTES];
	struct identity identity = {0};

	snprintf(announcement.username, sizeof(announcement.username), "peer-%05zu", number);
	/* Another for each, and the same each time. Without its X25519 form, which takes long and signs nothing. */
	memcpy(seed, &number, sizeof(number));
	crypto_sign_seed_keypair(identity.public, identity.secret, seed);
	memcpy(announcement.identity, identity.public, sizeof(announcement.identity));
	speaker->len = announcement_format(&announcement, address, &identity, text);
	if (speaker->len == 0 || speaker->len > sizeof(speaker->text))
		arguments_fail("cannot write an announcement");
	memcpy(speaker->text, text, speaker->len);
	memset(&speaker->control, 0, sizeof(speaker->control));
	speaker->control.header.cmsg_level = IPPROTO_IP;
	speaker->control.header.cmsg_type = IP_PKTINFO;
	speaker->control.header.cmsg_len = CMSG_LEN(sizeof(info));
	memcpy(CMSG_DATA(&speaker->control.header), &info, sizeof(info));
}

void speakers_init(struct speakers *speakers, struct in_addr first, size_t count)
{
	*speakers = (struct speakers){.count = count};
	speakers->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	speakers->list = calloc(count, sizeof(*speakers->list));
	if (speakers->fd < 0 || !speakers->list)
		arguments_fail("cannot begin");
	for (size_t i = 0; i < count; i++)
		prepare(&speakers->list[i], arguments_address_after(first, (uint32_t)i), i);
}

void speakers_add_destination(struct speakers *speakers, struct in_addr to)
{
	if (speakers->destinations == SPEAKERS_DESTINATIONS_MAX)
		arguments_fail("there are too many destinations");
	speakers->to[speakers->destinations++] = address_socket(to, PRESENCE_PORT);
}

void speakers_free(struct speakers *speakers)
{
	free(speakers->list);
	close(speakers->fd);
}

/* Sends the next so many, at most BATCH, to one destination after the other. */
static void send_batch(struct speakers *speakers, size_t count)
{
	struct mmsghdr messages[BATCH];
	struct iovec pieces[BATCH];

	for (size_t i = 0; i < count; i++) {
		struct speaker *speaker = &speakers->list[(speakers->next + i) % speakers->count];

		pieces[i] = (struct iovec){.iov_base = speaker->text, .iov_len = speaker->len};
		messages[i].msg_hdr = (struct msghdr){
		    .msg_iov = &pieces[i],
		    .msg_iovlen = 1,
		    .msg_control = &speaker->control,
		    .msg_controllen = sizeof(speaker->control),
		};
	}
	for (size_t d = 0; d < speakers->destinations; d++) {
		size_t done = 0;

		for (size_t i = 0; i < count; i++) {
			messages[i].msg_hdr.msg_name = &speakers->to[d];
			messages[i].msg_hdr.msg_namelen = sizeof(speakers->to[d]);
		}
		while (done < count) {
			int sent = sendmmsg(speakers->fd, messages + done, (unsigned)(count - done), 0);

			if (sent < 0)
				arguments_fail("cannot send");
			done += (size_t)sent;
		}
	}
	speakers->next = (speakers->next + count) % speakers->count;
	speakers->sent += count;
}

void speakers_send(struct speakers *speakers, size_t count)
{
	while (count > 0) {
		size_t batch = count < BATCH ? count : BATCH;

		send_batch(speakers, batch);
		count -= batch;
	}
}
