/*
 * Section 3 of common/PROTOCOL.md, and the fingerprint of section 4, worked through once with fixed
 * secrets, as in test/vectors.json. Hexadecimal unless it travels as text.
 */
#ifndef QUARTET_TEST_VECTORS_H
#define QUARTET_TEST_VECTORS_H

#define VECTOR_NUMBER "7" /* what the user typed */
#define VECTOR_FRESH "d098ab5e44b9aabb755f76d806598f43573c662b35e4a2eab1e312ec9ad195e2"

/* The ephemeral pairs of initiator and responder. */
#define VECTOR_A_SECRET "da62a6b61d0286110a5f67b46024f29b5f42e7bbf558f441df5e1712b6d57975"
#define VECTOR_A_PUBLIC "3731c2e4aa82de07e75447c08bacd1bf9c97c17dc85ee218a30ed0200f6ea300"
#define VECTOR_B_SECRET "3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d"
#define VECTOR_B_PUBLIC "b49f0c127818d83f1f712db6a7ffef49bff936211f49522a0f4fea01bd38d018"

/* Their identities. */
#define VECTOR_SA_SECRET "4cf6829aa93728e8f3c97df913fb1bfa95fe5810e2933a05943f8312a98d9cf2"
#define VECTOR_SA_PUBLIC "a17ee7f598b236774bd4570a090c98d123f0bdeee13685a0f152fdfddb37364b"
#define VECTOR_SA_TEXT "oX7n9ZiyNndL1FcKCQyY0SPwve7hNoWg8VL9/ds3Nks="
#define VECTOR_SB_TEXT "AAewx7gkJtWaWRRVTQVCO2dSIR+qEwtpA+A//k1+Czs="
#define VECTOR_SB_SECRET "b831b33e0c05b45e15bbdd9b3bfa43825fee0aa0b6e5a54e31e2bd8b073b76b7"
#define VECTOR_SB_PUBLIC "0007b0c7b82426d59a5914554d05423b6752211faa130b6903e03ffe4d7e0b3b"

/* A and B as decimal numbers, and the objects that carry them. */
#define VECTOR_A_DIGITS "24965127281869834944028420459566803508644335978541986798962618828260446741248"
#define VECTOR_B_DIGITS "81697324747170610033495775710670041720327463064138670138691143205430150877208"
#define VECTOR_INITIATOR_SENDS "{\"key\": \"" VECTOR_A_DIGITS "\"}"
#define VECTOR_RESPONDER_SENDS "{\"key\": \"" VECTOR_B_DIGITS "\"}"

/* What both sides compute. */
#define VECTOR_EE "01bf220affa6d58c4eb9a2c853f866acb751b3d5a1a0bb1f5809b1ccba837607"
#define VECTOR_ES "05fc519dc1b5dba48b58a4585f8c4ac4028c14629081ec5478b65a20eba9ad2d"
#define VECTOR_SE "2734cc34aff88bb6a582bb1087146b7a3fc1f8105c65afb878328c51f3620c6e"
#define VECTOR_TO_RESPONDER "842c6715b934b50312ebc130fedaf9c575e744cc9b0d173bf09f2037992dba90"
#define VECTOR_TO_INITIATOR "09ffd50494f8d14b575d38b2b7694f07120e197651eb8a0c2878c9d8dfb99a3b"
#define VECTOR_PROOF "8e27285671c98057c662096b67f0d08f8067e6ecbcc6fef0962443cc5a6b835b"
#define VECTOR_PROOF_TEXT "jicoVnHJgFfGYglrZ/DQj4Bn5uy8xv7wliRDzFprg1s="

/* The first message and its receipt. The nonces are without their counter, which is 0. */
#define VECTOR_TEXT "hello"
#define VECTOR_PLAINTEXT                                                                                               \
	"{\"identity\": \"" VECTOR_SA_TEXT "\", \"proof\": \"" VECTOR_PROOF_TEXT "\", \"text\": \"" VECTOR_TEXT "\"}"
#define VECTOR_NONCE "78377b525757b494427f89014f97d799"
#define VECTOR_SEALED                                                                                                  \
	"eDd7UldXtJRCf4kBT5fXmQAAAAAAAAAA6FiiWnP2M+NBo2gp11iedsBn+2457+"                                               \
	"ID60BdtPH61QXCFaGLr6hOFUruj8"                                                                                 \
	"dUKIP8mOmA/iDfy6pmJHalbLXwkt/"                                                                                \
	"xhqwLG06XNow2cpfVHmDdv8iVGQcle95Wl1eAHUhirj+FAMGxi4Ib9EfxVyYq"                                                \
	"+JDbMe/KcqPJhH2Oh05KxxGNgfH/bIDkl5XQjPW8VoKwVpNZwn/N"
#define VECTOR_MESSAGE "{\"encrypted_message\": \"" VECTOR_SEALED "\"}"
#define VECTOR_RECEIPT_PLAINTEXT "{\"received\": 0}"
#define VECTOR_RECEIPT_NONCE "626e1e3b6935c66a2c8ab9c84fc3dd55"
#define VECTOR_RECEIPT_SEALED "Ym4eO2k1xmosirnIT8PdVQAAAAAAAAAAD194weJSpY1VdaTEW52YK8Oy2HNRigQwghrhcRAvWQ=="
#define VECTOR_RECEIPT "{\"encrypted_message\": \"" VECTOR_RECEIPT_SEALED "\"}"

/* What two people compare. */
#define VECTOR_FINGERPRINT "21528 91813 15361 76383 59738 21751"

/* the classic exchange: the private numbers of initiator and responder, what they send, and what they share. */
#define VECTOR_COURSE_A "7"
#define VECTOR_COURSE_B "5"
#define VECTOR_COURSE_INITIATOR_SENDS "{\"key\": \"14\"}"
#define VECTOR_COURSE_RESPONDER_SENDS "{\"key\": \"13\"}"
#define VECTOR_COURSE_SECRET 10
#define VECTOR_COURSE_SEALED "oF+3D2qkZhM=" /* VECTOR_TEXT */
#define VECTOR_COURSE_MESSAGE "{\"encrypted_message\": \"" VECTOR_COURSE_SEALED "\"}"

#endif
