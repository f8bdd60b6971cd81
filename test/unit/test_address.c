/* address: dotted quads in and out. */
#include "support.h"

#include "net/address.h"

static void dotted_quads_are_read(void **state)
{
	static const struct {
		const char *text;
		uint32_t value;
	} cases[] = {
	    {"0.0.0.0", 0},
	    {"255.255.255.255", 0xffffffff},
	    {"127.0.0.1", 0x7f000001},
	    {"127.0.0.2", 0x7f000002},
	    {"192.168.1.7", 0xc0a80107},
	    {"10.200.30.4", 0x0ac81e04},
	    {"100.100.100.100", 0x64646464},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct in_addr address = {0x5a5a5a5a};
		char text[ADDRESS_TEXT_BYTES];

		assert_int_equal(address_parse(cases[i].text, &address), 0);
		CHECK(address.s_addr == htonl(cases[i].value), "%s is read wrong", cases[i].text);
		assert_ptr_equal(address_format(address, text), text);
		assert_string_equal(text, cases[i].text);
	}
}

static void nothing_else_is_read(void **state)
{
	static const char *const cases[] = {
	    "",
	    " ",
	    ".",
	    "...",
	    "1",
	    "1.2",
	    "1.2.3",
	    "1.2.3.",
	    ".1.2.3",
	    "1..2.3",
	    "1.2.3.4.",
	    "1.2.3.4.5",
	    " 1.2.3.4",
	    "1.2.3.4 ",
	    "1.2.3.4\n",
	    "1. 2.3.4",
	    "256.1.1.1",
	    "1.256.1.1",
	    "1.1.1.256",
	    "1.1.1.1000",
	    "4294967296.1.1.1",
	    "2130706433",
	    "127.1",
	    "127.0.1",
	    "01.2.3.4",
	    "1.2.3.04",
	    "1.2.3.010",
	    "1.2.3.00",
	    "0x7f.0.0.1",
	    "0x7f000001",
	    "-1.2.3.4",
	    "+1.2.3.4",
	    "1.2.3.4:80",
	    "1.2.3.4/24",
	    "1.2.3.4a",
	    "1,2,3,4",
	    "localhost",
	    "Bob",
	    "::1",
	    "::ffff:1.2.3.4",
	    "\xd9\xa1.2.3.4",
	    "1111111111111111111111111111111111111111111111111111.2.3.4",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct in_addr address = {0x5a5a5a5a};

		CHECK(address_parse(cases[i], &address) == EINVAL, "\"%s\" is read", cases[i]);
		assert_int_equal(address.s_addr, 0x5a5a5a5a);
	}
}

static void every_byte_comes_back_from_its_text(void **state)
{
	(void)state;
	for (unsigned shift = 0; shift < 32; shift += 8) {
		for (uint32_t byte = 0; byte < 256; byte++) {
			struct in_addr address = support_address(0x01020304 ^ (byte << shift));
			struct in_addr back = {0};
			char *text = malloc(ADDRESS_TEXT_BYTES);

			assert_non_null(text);
			assert_int_equal(address_parse(address_format(address, text), &back), 0);
			assert_int_equal(back.s_addr, address.s_addr);
			free(text);
		}
	}
}

static void socket_addresses_are_in_network_order(void **state)
{
	struct sockaddr_in socket_address = address_socket(support_address(0x7f000002), CHAT_PORT);

	(void)state;
	assert_int_equal(socket_address.sin_family, AF_INET);
	assert_int_equal(socket_address.sin_addr.s_addr, htonl(0x7f000002));
	assert_int_equal(ntohs(socket_address.sin_port), 6001);
	socket_address = address_socket(support_address(0xffffffff), PRESENCE_PORT);
	assert_int_equal(socket_address.sin_addr.s_addr, 0xffffffff);
	assert_int_equal(ntohs(socket_address.sin_port), 6000);
}

static void only_addresses_of_this_machine_are_its_own(void **state)
{
	(void)state;
	assert_int_equal(address_check_own((struct in_addr){.s_addr = htonl(INADDR_LOOPBACK)}), 0);
	/* 192.0.2.1 is for documentation alone (RFC 5737). */
	assert_int_equal(address_check_own((struct in_addr){.s_addr = htonl(0xc0000201)}), EADDRNOTAVAIL);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(only_addresses_of_this_machine_are_its_own),
	    cmocka_unit_test(dotted_quads_are_read),
	    cmocka_unit_test(nothing_else_is_read),
	    cmocka_unit_test(every_byte_comes_back_from_its_text),
	    cmocka_unit_test(socket_addresses_are_in_network_order),
	};

	support_begin();
	return cmocka_run_group_tests_name("address", tests, NULL, NULL);
}
