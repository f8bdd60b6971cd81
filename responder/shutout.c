#include "shutout.h"

#include <linux/filter.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <sys/socket.h>

/* Of a TCP header, whose fields the two notations of netinet/tcp.h name without a place. */
#define FLAGS_OFFSET 13

void shutout_init(struct shutout *shutout)
{
	*shutout = (struct shutout){.length_ms = SHUTOUT_FIRST_MS};
	ratelimit_init(&shutout->silent, SHUTOUT_BURST, SHUTOUT_PERIOD_MS);
}

void shutout_watch(struct shutout *shutout, int64_t now_ms)
{
	if (now_ms >= shutout->watch_until_ms)
		shutout->length_ms = SHUTOUT_FIRST_MS;
	shutout->watch_until_ms = now_ms + SHUTOUT_WATCH_MS;
}

void shutout_note(struct shutout *shutout, struct in_addr address, int64_t now_ms)
{
	if (now_ms >= shutout->watch_until_ms || ratelimit_allow(&shutout->silent, address, now_ms))
		return;
	for (size_t i = 0; i < shutout->count; i++) {
		if (shutout->addresses[i].s_addr == address.s_addr)
			return;
	}
	if (shutout->count == SHUTOUT_MAX)
		return;
	if (shutout->count == 0)
		shutout->until_ms = now_ms + shutout->length_ms;
	shutout->addresses[shutout->count++] = address;
	shutout->changed = true;
}

/* Drops what begins a connection from one of the addresses. The socket's data begin with the TCP header. */
static void attach(const struct shutout *shutout, int listener)
{
	struct sock_filter code[SHUTOUT_MAX + 6] = {
	    BPF_STMT(BPF_LD | BPF_B | BPF_ABS, FLAGS_OFFSET),
	    BPF_STMT(BPF_ALU | BPF_AND | BPF_K, TH_SYN | TH_ACK),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, TH_SYN, 0, (uint8_t)(shutout->count + 1)),
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)SKF_NET_OFF + offsetof(struct iphdr, saddr)),
	};
	struct sock_fprog program = {.filter = code, .len = 4};

	for (size_t i = 0; i < shutout->count; i++)
		code[program.len++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
		    ntohl(shutout->addresses[i].s_addr), (uint8_t)(shutout->count - i), 0);
	code[program.len++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, UINT32_MAX);
	code[program.len++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 0);
	setsockopt(listener, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
}

void shutout_apply(struct shutout *shutout, int listener, int64_t now_ms)
{
	int unused = 0;

	if (shutout->count > 0 && now_ms >= shutout->until_ms) {
		shutout->count = 0;
		shutout->length_ms =
		    shutout->length_ms * 2 < SHUTOUT_LONGEST_MS ? shutout->length_ms * 2 : SHUTOUT_LONGEST_MS;
		setsockopt(listener, SOL_SOCKET, SO_DETACH_FILTER, &unused, sizeof(unused));
	} else if (shutout->changed) {
		attach(shutout, listener);
	}
	shutout->changed = false;
}

int64_t shutout_due_ms(const struct shutout *shutout)
{
	return shutout->count > 0 ? shutout->until_ms : INT64_MAX;
}
