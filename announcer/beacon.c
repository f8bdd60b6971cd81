#include "beacon.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/address.h"

int beacon_open(struct beacon *beacon, const struct in_addr *only, struct console *console)
{
	struct sockaddr_in source = address_socket(only ? *only : (struct in_addr){.s_addr = htonl(INADDR_ANY)}, 0);
	int on = 1, rc = 0;

	*beacon = (struct beacon){.only = only, .console = console};
	beacon->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (beacon->fd < 0)
		return errno;
	if (setsockopt(beacon->fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof(on)) != 0 ||
	    bind(beacon->fd, (const struct sockaddr *)&source, sizeof(source)) != 0) {
		rc = errno;
		close(beacon->fd);
	}
	return rc;
}

void beacon_close(struct beacon *beacon)
{
	close(beacon->fd);
}

/* The address that the kernel would send from to reach destination. Connecting a datagram socket sends nothing. */
static int find_source(struct in_addr destination, struct in_addr *source)
{
	struct sockaddr_in address = address_socket(destination, PRESENCE_PORT);
	socklen_t len = sizeof(address);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int on = 1, rc = 0;

	if (fd < 0)
		return errno;
	if (setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof(on)) != 0 ||
	    connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0 ||
	    getsockname(fd, (struct sockaddr *)&address, &len) != 0)
		rc = errno;
	else
		*source = address.sin_addr;
	close(fd);
	return rc;
}

/* Sends one datagram by one route; with an interface, out of that one and from its address (ip(7), IP_PKTINFO). */
static int send_datagram(const struct beacon *beacon, const struct beacon_route *route, char *datagram, size_t len)
{
	struct sockaddr_in destination = address_socket(route->to, PRESENCE_PORT);
	struct in_pktinfo info = {
	    .ipi_ifindex = (int)route->interface.index,
	    .ipi_spec_dst = route->interface.address,
	};
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(struct in_pktinfo))];
	} control = {0};
	struct iovec piece = {.iov_base = datagram, .iov_len = len};
	struct msghdr message = {
	    .msg_name = &destination,
	    .msg_namelen = sizeof(destination),
	    .msg_iov = &piece,
	    .msg_iovlen = 1,
	    .msg_control = &control,
	    .msg_controllen = sizeof(control),
	};

	control.header.cmsg_level = IPPROTO_IP;
	control.header.cmsg_type = IP_PKTINFO;
	control.header.cmsg_len = CMSG_LEN(sizeof(info));
	memcpy(CMSG_DATA(&control.header), &info, sizeof(info));
	return sendmsg(beacon->fd, &message, 0) < 0 ? errno : 0;
}

static void say_where(struct beacon *beacon, const struct beacon_route *route, const char *verb)
{
	char from[ADDRESS_TEXT_BYTES], to[ADDRESS_TEXT_BYTES];
	struct console *console = beacon->console;

	console_put(console, "%s from %s to %s", verb, address_format(route->interface.address, from),
	    address_format(route->to, to));
	if (route->interface.index == 0) {
		console_put(console, "\n");
		return;
	}
	console_put(console, " (");
	console_put_foreign(console, route->interface.name, strlen(route->interface.name));
	console_put(console, ")");
	if (route->interface.loopback && !beacon->only)
		console_put(console, ": there is no other network, so only this machine hears it");
	console_put(console, "\n");
}

/* A route is known by its interface and destination; the source of an extra destination is found anew each time. */
static const struct beacon_route *find_route(const struct beacon_route *routes, size_t count,
    const struct beacon_route *wanted)
{
	for (size_t i = 0; i < count; i++) {
		if (routes[i].interface.index == wanted->interface.index && routes[i].to.s_addr == wanted->to.s_addr &&
		    (wanted->interface.index == 0 ||
			routes[i].interface.address.s_addr == wanted->interface.address.s_addr))
			return &routes[i];
	}
	return NULL;
}

/* Sends by one route and says what changed about it. */
static void send_route(struct beacon *beacon, struct beacon_route *route, const struct beacon_route *before,
    const struct announcement *announcement, const struct identity *identity)
{
	char datagram[ANNOUNCEMENT_MAX_BYTES], to[ADDRESS_TEXT_BYTES];
	size_t len;
	int error = 0;

	if (route->interface.index == 0 && beacon->only)
		route->interface.address = *beacon->only;
	else if (route->interface.index == 0)
		error = find_source(route->to, &route->interface.address);
	len = announcement_format(announcement, route->interface.address, identity, datagram);
	if (error == 0)
		error = len == 0 ? ENOMEM : send_datagram(beacon, route, datagram, len);
	route->failing = error != 0;
	if (error != 0 && !(before && before->failing) && !route->is_quiet)
		console_put_styled(beacon->console, CONSOLE_WARNING,
		    "cannot announce to %s: %s; trying again each time\n", address_format(route->to, to),
		    strerror(error));
	if (error == 0 && (!before || before->failing) && !route->is_quiet)
		say_where(beacon, route, "Announcing");
}

static size_t plan_broadcasts(const struct beacon *beacon, struct beacon_route *routes)
{
	struct interface interfaces[INTERFACES_MAX];
	size_t count = interfaces_list(beacon->only, interfaces);

	for (size_t i = 0; i < count; i++)
		routes[i] = (struct beacon_route){.interface = interfaces[i], .to = interfaces[i].broadcast};
	return count;
}

static size_t plan_targets(struct beacon_route *routes, size_t count, const struct beacon_target *targets,
    size_t target_count)
{
	for (size_t t = 0; t < target_count; t++) {
		bool covered = false;

		for (size_t i = 0; i < count; i++)
			covered |= routes[i].to.s_addr == targets[t].to.s_addr;
		if (!covered)
			routes[count++] = (struct beacon_route){.to = targets[t].to, .is_quiet = targets[t].is_answer};
	}
	return count;
}

bool beacon_is_elsewhere(const struct beacon *beacon)
{
	struct beacon_route routes[INTERFACES_MAX];
	size_t count = plan_broadcasts(beacon, routes), before = 0;

	for (size_t i = 0; i < beacon->route_count; i++)
		before += beacon->routes[i].interface.index != 0;
	for (size_t i = 0; i < count; i++) {
		if (!find_route(beacon->routes, beacon->route_count, &routes[i]))
			return true;
	}
	return count != before;
}

bool beacon_send(struct beacon *beacon, const struct announcement *announcement, const struct identity *identity,
    const struct beacon_target *targets, size_t target_count)
{
	struct beacon_route routes[INTERFACES_MAX + BEACON_TARGETS_MAX];
	size_t count = plan_targets(routes, plan_broadcasts(beacon, routes), targets, target_count);
	bool moved = false;

	for (size_t i = 0; i < beacon->route_count; i++) {
		const struct beacon_route *old = &beacon->routes[i];

		if (old->interface.index != 0 && !find_route(routes, count, old)) {
			say_where(beacon, old, "That network is gone; no longer announcing");
			moved = true;
		}
	}
	for (size_t i = 0; i < count; i++) {
		const struct beacon_route *before = find_route(beacon->routes, beacon->route_count, &routes[i]);

		send_route(beacon, &routes[i], before, announcement, identity);
		moved |= before && before->interface.address.s_addr != routes[i].interface.address.s_addr;
	}
	if (count == 0 && !beacon->silent)
		console_put_styled(beacon->console, CONSOLE_WARNING,
		    "there is no network to announce on; waiting for one\n");
	beacon->silent = count == 0;
	memcpy(beacon->routes, routes, count * sizeof(routes[0]));
	beacon->route_count = count;
	console_flush_ready(beacon->console);
	return moved;
}
