/*
 * Sections 1 and 3 of common/PROTOCOL.md, and the fingerprint of section 4, worked through once with fixed secrets, as
 * in test/vectors.json. Hexadecimal unless it travels as text.
 */
#ifndef QUARTET_TEST_VECTORS_H
#define QUARTET_TEST_VECTORS_H

/* Two people: the seeds in identity.key, the public halves, and the X25519 forms of both. */
#define VECTOR_SA_SEED "f172be23396dfeae1620a8986cb76880c7237001357df017a391c84dacc2367b"
#define VECTOR_SA_PUBLIC "2254b28464bfe288406a912d543b90f9243974c8c2b696689671955b264b6ff7"
#define VECTOR_SA_TEXT "IlSyhGS/4ohAapEtVDuQ+SQ5dMjCtpZolnGVWyZLb/c="
#define VECTOR_SA_EXCHANGE "08b17cfd3c99247d5cf86c622eedb2603be72adcae462e16dc78be50c6d84d4e"
#define VECTOR_SA_EXCHANGE_SECRET "d80853a19bcdcf50fe2e36e087422b1b12143fa70a7cb68cf16253e840226b7f"
#define VECTOR_SA_HALF "98275 15078 02425 25914 00800 85587"
#define VECTOR_SB_SEED "b36b07fa717566dc61d8f92e5a8b07df57ebe7b55ddc0e1e73fafd6cee52f1b7"
#define VECTOR_SB_PUBLIC "c916343aa7b1b1e3231cc16b888c7284565d179ca4fa9408f355a9ad4a05c631"
#define VECTOR_SB_TEXT "yRY0OqexseMjHMFriIxyhFZdF5yk+pQI81WprUoFxjE="
#define VECTOR_SB_EXCHANGE "8481d812f89465e34159ef4e938179e4a914ab61fc003191fd88180a8d50dc1f"
#define VECTOR_SB_EXCHANGE_SECRET "58170c0f4675dc4328b8cd638eae50fa77cf24ad255b6e4028cefbabb3f61f7d"
#define VECTOR_SB_HALF "70774 14102 71944 08269 45091 56518"

/* The first one's identity.key behind a passphrase: what follows "quartet key 1" and the line feed. */
#define VECTOR_KEY_PASSPHRASE "ağaç 7 beş"
#define VECTOR_KEY_SALT "000102030405060708090a0b0c0d0e0f"
#define VECTOR_KEY                                                                                                     \
	VECTOR_KEY_SALT                                                                                                \
	"1e9a7e30753df8549483d28891355f22fedf72ab10ef9be0"                                                             \
	"2156f7b207b02c64faca08f6b4aa8ea934735ad579ab3ad5fe753fb0e22e9896b4168fe36f66b759664f6d7c218e11b6"

/* What the two compare. */
#define VECTOR_FINGERPRINT "98275 15078 02425 25914 00800 85587 70774 14102 71944 08269 45091 56518"

/* What they announce: the first at her start, the second on his way out. */
#define VECTOR_ANNOUNCEMENT                                                                                            \
	"{\"username\": \"Ece\", \"ip\": \"192.168.1.7\", \"identity\": \"IlSyhGS/4ohAapEtVDuQ+SQ5dMjCtpZolnGVWyZLb/c=\", \"since\": 1763625600, \"signature\": \"1pkUrOvj4XcNPl8BSPWBGwAwji5nUkbeonW4B+v6ZKY9xpul77C/V1TxxB7VuKXEi6S0+g56n4zMAsM92QYIBQ==\"}"
#define VECTOR_LEAVING                                                                                                 \
	"{\"username\": \"Şule Işık\", \"ip\": \"192.168.1.9\", \"identity\": \"yRY0OqexseMjHMFriIxyhFZdF5yk+pQI81WprUoFxjE=\", \"since\": 1763625601, \"leaving\": true, \"signature\": \"Nl0VM4Hon5QwcUC+iCkDjenedv2PjhfocDbIGSi+BYkbdRosaRWuOX1HMEdQi8L1JZbTZLHtZoM/hZCG1G75BQ==\"}"

#define VECTOR_NUMBER "7" /* what the user typed */
#define VECTOR_FRESH "23b5c2615eb86f5058a0d58880d4898dac014bce8278e584d3da2897851d3d82"

/* The ephemeral pairs of initiator and responder. */
#define VECTOR_A_SECRET "ecb9229f89a82255d0945e443ae69f965c06a2bb660c18f3bdafa5107d11c5bc"
#define VECTOR_A_PUBLIC "8e344325c4e1cefacbae44024a213e66d5023c0a09d4840a0e7ccab91127f230"
#define VECTOR_B_SECRET "47292a3672bd1d5a864599fd2fd77be77d354129058ed8ce6ec8a55d0e8e5633"
#define VECTOR_B_PUBLIC "98eab14fc5959c47d52992fccf4a95b742f015f9de605a54621a9a0220eaa458"

/* A and B as decimal numbers, and the objects that carry them. */
#define VECTOR_A_DIGITS "64320763981449666188391107230603675638160552802678097188300016920506736833072"
#define VECTOR_B_DIGITS "69166218957561869237260518831722997906295657205129237490167263370098732868696"
#define VECTOR_INITIATOR_SENDS "{\"key\": \"" VECTOR_A_DIGITS "\"}"
#define VECTOR_RESPONDER_SENDS "{\"key\": \"" VECTOR_B_DIGITS "\"}"

/* What both sides compute. */
#define VECTOR_EE "d466aac15b86cb1da8613b5564cb35ac2446777ce83fc2593f21e646dca7c637"
#define VECTOR_ES "fb9f6717a1e3a6adff8fac28a859c8b471d250027f10afdc0c2b2d477c03db77"
#define VECTOR_SE "65b4b2364fe06e459fea911ad2246ef34a431f64505d52fa81195ee0c924d64d"
#define VECTOR_TO_RESPONDER "d3952dec952773863fd375315349b784f16657a6136951dcd1445f11d3b9ded1"
#define VECTOR_TO_INITIATOR "9e66664f926d5fedc22e8471257d92450849cc0ba7b921938c7354645ebe7126"
#define VECTOR_FILE_KEY "6008016c7322249c941a4ba1cc902f8ef03539ef06b8bad56152dea6066b6b7c"
#define VECTOR_PROOF "08052d6075a9eff5b3280f60cd84621a703b62afbe711199c22fb2830f9df504"
#define VECTOR_PROOF_TEXT "CAUtYHWp7/WzKA9gzYRiGnA7Yq++cRGZwi+ygw+d9QQ="

/* The first message and its receipt. The nonces are without their counter, which is 0. */
#define VECTOR_TEXT "hello"
#define VECTOR_ID "GEAKm+8GGk6uq+SR5hEMMQ=="
#define VECTOR_PLAINTEXT                                                                                               \
	"{\"identity\": \"" VECTOR_SA_TEXT "\", \"proof\": \"" VECTOR_PROOF_TEXT                                       \
	"\", \"username\": \"Ece\", \"id\": \"" VECTOR_ID "\", \"text\": \"" VECTOR_TEXT "\"}"
#define VECTOR_NONCE "ffcd73f415ef7fc12bc0b877c2d72726"
#define VECTOR_SEALED                                                                                                  \
	"/81z9BXvf8ErwLh3wtcnJgAAAAAAAAAAC5Qw8jz+JmNlqfOmmNb55UDVVcL40PAU/inwtXGYZhiRvGFU84vUpkD1Yoc8XUZw6e4lJay7IECn5nLVMVIQk8yzQF/DrKrjguLuJEogipvEW47k9n5R3unhH4sFOviS12CV3LvdZYcEZl9mc54GmKi5Cyg22T2BP3G9VkAr1Bs5NmyTLf57AXsUDHVZWI7dAK5WsXCtxJ1s8wJL4fPYKZiwWV/aS31yMfoypvX4QydF3c0c4mOwng0p7Z4+g/bx7D9q8pRf5Uxyd98="
#define VECTOR_MESSAGE "{\"encrypted_message\": \"" VECTOR_SEALED "\"}"
#define VECTOR_RECEIPT_PLAINTEXT "{\"received\": 0, \"username\": \"Bob\", \"status\": 200}"
#define VECTOR_RECEIPT_NONCE "f442cc7708ddf8c49b1b913c26774907"
#define VECTOR_RECEIPT_SEALED                                                                                          \
	"9ELMdwjd+MSbG5E8JndJBwAAAAAAAAAAJPhEt2+ED//KKW78zgS/+ziSryqpc+oM/V0FmUpTvsBKZAi6rwLTMYBJd7pqn+ZyukXsuNMCFRbeaXBTkE0qRt0="
#define VECTOR_RECEIPT "{\"encrypted_message\": \"" VECTOR_RECEIPT_SEALED "\"}"

/* the classic exchange: the private numbers of initiator and responder, what they send, and what they share. */
#define VECTOR_COURSE_A "7"
#define VECTOR_COURSE_B "5"
#define VECTOR_COURSE_INITIATOR_SENDS "{\"key\": \"14\"}"
#define VECTOR_COURSE_RESPONDER_SENDS "{\"key\": \"13\"}"
#define VECTOR_COURSE_SECRET 10
#define VECTOR_COURSE_SEALED "oF+3D2qkZhM=" /* VECTOR_TEXT */
#define VECTOR_COURSE_MESSAGE "{\"encrypted_message\": \"" VECTOR_COURSE_SEALED "\"}"

/* Section 7. */
#define VECTOR_ROOM_KEY "874ace4c1b0bed3ac28f2140a2523f77dee9be74f5201410788b0f9919268576" /* of VECTOR_ROOM_STATE */
#define VECTOR_ROOM_STATE_SIGNED                                                                                       \
	"{\"room\": \"+paKN+u70bHe5Hno7/ulRg==\", \"n\": 1, \"after\": \"+paKN+u70bHe5Hno7/ulRpqnFO"                   \
	"a10muk9ANmNOOyJCc=\", \"name\": \"lab\", \"about\": \"who cooks\", \"capacity\": 50, \"ent"                   \
	"ry\": \"open\", \"members\": [{\"identity\": \"IlSyhGS/4ohAapEtVDuQ+SQ5dMjCtpZolnGVWyZLb/c"                   \
	"=\", \"username\": \"Ece\", \"since\": 0, \"admin\": true}, {\"identity\": \"yRY0OqexseMjH"                   \
	"MFriIxyhFZdF5yk+pQI81WprUoFxjE=\", \"username\": \"Bob\", \"since\": 1}], \"removed\": [],"                   \
	" \"secret\": \"3WbaGX7gVJAY39CIMQiNXaUHznjLcdsHuQ4PvxHxJuc=\", \"time\": \"2026-11-20T08:0"                   \
	"1:00.000Z\", \"by\": \"IlSyhGS/4ohAapEtVDuQ+SQ5dMjCtpZolnGVWyZLb/c=\"}"
#define VECTOR_ROOM_STATE_SIGNATURE                                                                                    \
	"HTR0LhrWjIHwJLn1dsDer4TgzWc0YApsSHgW8KTXS7XIX0WKZxbsKu7HOnIXfESg/xnKKP2yGqVRCT1Q1YrZBg=="
#define VECTOR_SAYING_SIGNED                                                                                           \
	"{\"room\": \"+paKN+u70bHe5Hno7/ulRg==\", \"state\": \"/ojMDpbQ4exL87ijJG037hbXyNY2NlRpzFJb"                   \
	"JCg6S/o=\", \"id\": \"SGC3HaXNdf3TpAN2329ecQ==\", \"text\": \"hello all\", \"time\": \"202"                   \
	"6-11-20T08:02:00.000Z\", \"by\": \"yRY0OqexseMjHMFriIxyhFZdF5yk+pQI81WprUoFxjE=\"}"
#define VECTOR_SAYING_SIGNATURE                                                                                        \
	"BTX5iz+dn+2dGJvuO7ZVfnsThlgGZnnzpwitrsGTR4ZXhR2YEHe8YSlusFO6e8zQPHk/curdAyXnX5I26k/XCw=="
#define VECTOR_SAYING_NONCE "5fc86e21a7141b67e9a6b327bc000e84105829df580cc4e2"
#define VECTOR_SAYING_SEALED                                                                                           \
	"X8huIacUG2fpprMnvAAOhBBYKd9YDMTi0RBncpcsq829yeye0SuvH4I4/Fttq94rQHHvbVnm87xA3B05ZsiX50MUgj"                   \
	"daKVytHRO0rKxmIdqsgkZX+Aol4r4+438/hM2x/opDKdmTGguEozWHz3Ceu3CAwZz7Ws6Lj9qcFE02feFTvlkfQQZY"                   \
	"0dscv2z1F4G0jJTHNxsOB91RR5AF9mQIEd06e45IPTIsC+vvcEv+VctE/nkgM7QaIIPo0xUAhdkkiSgU1pvlvpT3qt"                   \
	"cTlS02zTC2Pt4HvAkZ4oOP4yzfiflvG6Pc8RE/4JDp4RJe1D4Qic5vle5yskyrR/Yx+rZt2IXYfhpi0dfhDbZLcJBJ"                   \
	"A5yKrSKIN0tzJAdMzYsXKzACBXlhekQ3Tzm0s393tiYsvCKHwi/ZXCQTM7g+eH9dOr2RNNKiRASVmdHVwU96koD7+E"                   \
	"kANAKvKoIpsVO5/NZ+ep+syTyZNTg4MGQHGHeZnsAPWvrkeDSHjXjJQ4ZYpQmlWpb73pf+uXiMQrF/0c7WJHRsJAMF"                   \
	"aruwjcEGMpewjihgQ8K2jg=="

/* The first state of that room, which the one above follows, and the ids of both. */
#define VECTOR_ROOM_KEY_0 "4dc96dd521ff032e6e22b5d4d2414335823684576da66c179822ec90b8607fad"
#define VECTOR_ROOM_STATE_0                                                                                            \
	"{\"n\": 0, \"salt\": \"o7lQDoh+wodEKRrj/cRg/Q==\", \"name\": \"lab\", \"about\": \"who cooks\", \"capacity\": 50, \"entry\": \"open\", \"members\": [{\"identity\": \"IlSyhGS/4ohAapEtVDuQ+SQ5dMjCtpZolnGVWyZLb/c=\", \"username\": \"Ece\", \"since\": 0, \"admin\": true}], \"removed\": [], \"secret\": \"/2RgKKqLOl9McPlLPW2XGgnL5yGOOAc6rHVMPOKGXKo=\", \"time\": \"2026-11-20T08:00:00.123Z\", \"by\": \"IlSyhGS/4ohAapEtVDuQ+SQ5dMjCtpZolnGVWyZLb/c=\"}"
#define VECTOR_ROOM_SIGNATURE_0                                                                                        \
	"qe07Vusa1YgOSBO5SiOOVGsVB/O7/6uRDBc+XSdN1rMpLfEaUaUGWNM6eieHkhQF6BtJ57dN1FZNTSocTojPDQ=="
#define VECTOR_ROOM_ID_0 "+paKN+u70bHe5Hno7/ulRpqnFOa10muk9ANmNOOyJCc="
#define VECTOR_ROOM_ID_1 "/ojMDpbQ4exL87ijJG037hbXyNY2NlRpzFJbJCg6S/o="
#define VECTOR_ROOM "+paKN+u70bHe5Hno7/ulRg=="

/* The proof of a password in the session above; both ends draw the scalars of the draft. */
#define VECTOR_JOIN_ROOM "fa968a37ebbbd1b1dee479e8effba546"
#define VECTOR_JOIN_PASSWORD "cheese"
#define VECTOR_JOIN_LOCK "c17dfecd3d34a1ede9abc86eb5ef78bb89828451fa0dfc2c02e7c4e47e267288"
#define VECTOR_JOIN_YA_SCALAR "da3d23700a9e5699258aef94dc060dfda5ebb61f02a5ea77fad53f4ff0976d08"
#define VECTOR_JOIN_YB_SCALAR "d2316b454718c35362d83d69df6320f38578ed5984651435e2949762d900b80d"
#define VECTOR_JOIN_YA "585d0077f1392102e898ad62b73200723255b7b1c658388d98188a064cb1bf79"
#define VECTOR_JOIN_YB "7ae5a89ec3f83c04029b162a6676116276f8d84ff4245f17e55eadc17ac62100"
#define VECTOR_JOIN_TA                                                                                                 \
	"7b383d6c1da2658a12c2dc2ed60d337a33e92bf0e6c4ec8a9eadd30f20a5e5e3"                                             \
	"4f6c1535768284e17602684e9cf17e830f8dcd335743a0e160f68ae0006a3523"
#define VECTOR_JOIN_TB                                                                                                 \
	"d6dae511b5438d4e5fc94975081076a275b064746d519801bc21e38ad3c2040e"                                             \
	"2928e0a3f8aec35fe5463f8d2afd4f162a7f665c601ea8d479dcf6f9e844e2ed"

#endif
