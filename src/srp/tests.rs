//! Both sides against figures of another hand, against each other, and against what must not be taken.

use proptest::prelude::*;
use serde::Deserialize;

use super::group::{Exponent, padded};
use super::*;

/// Made by `tests/cognito/vectors.py` with pycognito 2024.5.1; each says what it shows.
const VECTORS: &str = include_str!("../../tests/fixtures/srp/vectors.json");

const MODULUS_HEX: &str = "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD\
    EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED\
    EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF0598DA48361C55D39A69163FA8FD24CF5F\
    83655D23DCA3AD961C62F356208552BB9ED529077096966D670C354E4ABC9804F1746C08CA18217C32905E462E36CE3B\
    E39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF6955817183995497CEA956AE515D2261898FA0510\
    15728E5A8AAAC42DAD33170D04507A33A85521ABDF1CBA64ECFB850458DBEF0A8AEA71575D060C7DB3970F85A6E1E4C7\
    ABF5AE8CDB0933D71E8C94E04A25619DCEE3D2261AD2EE6BF12FFA06D98A0864D87602733EC86A64521F2B18177B200C\
    BBE117577A615D6C770988C0BAD946E208E24FA074E5AB3143DB5BFCE0FD108E4B82D120A93AD2CAFFFFFFFFFFFFFFFF";

#[derive(Deserialize)]
struct Vectors {
    pool: String,
    timestamp: String,
    vectors: Vec<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    shows: String,
    user: String,
    password: String,
    a: String,
    b: String,
    srp_a: String,
    salt: String,
    srp_b: String,
    secret_block: String,
    signature: String,
}

fn random(hex: &str) -> Random {
    group::hexadecimal(hex).unwrap().try_into().unwrap()
}

fn vectors() -> Vectors {
    serde_json::from_str(VECTORS).unwrap()
}

#[test]
fn the_client_says_what_another_client_says_whatever_padding_its_numbers_need() {
    let Vectors { pool, timestamp, vectors } = vectors();
    assert!(vectors.len() > 15, "every kind of padding has a vector");
    for vector in vectors {
        let (client, srp_a) = Client::new(pool_name(&pool), &random(&vector.a));
        assert_eq!(srp_a, vector.srp_a, "{}", vector.shows);
        let Vector { user, salt, srp_b, secret_block, .. } = &vector;
        let challenge = Challenge { user_id: user, salt, srp_b, secret_block };
        let proof = client.proof(&vector.password, &challenge, &timestamp);
        assert_eq!(proof.as_ref(), Ok(&vector.signature), "{}", vector.shows);
    }
}

#[test]
fn the_server_takes_what_another_client_sends_whatever_padding_its_numbers_need() {
    let Vectors { pool, timestamp, vectors } = vectors();
    for vector in vectors {
        let pool_name = pool_name(&pool);
        let salt = group::hexadecimal(&vector.salt).unwrap();
        let verifier = Verifier::new(pool_name, &vector.user, &vector.password, &salt);
        let server = Server::new(&verifier, &vector.srp_a, &random(&vector.b)).unwrap();
        assert_eq!((verifier.salt(), server.srp_b()), (vector.salt, vector.srp_b), "{}", vector.shows);
        let secret_block = base64_bytes(&vector.secret_block, "").unwrap();
        let claim = Claim {
            pool_name,
            user_id: &vector.user,
            secret_block: &secret_block,
            timestamp: &timestamp,
            signature: &vector.signature,
        };
        assert_eq!(server.accepts(&claim), Ok(true), "{}", vector.shows);
        for wrong in [
            Claim { pool_name: "other", ..claim },
            Claim { user_id: "rpi-2", ..claim },
            Claim { secret_block: b"other", ..claim },
            Claim { timestamp: "Sat Sep 5 10:00:01 UTC 2026", ..claim },
            Claim { signature: "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", ..claim },
            Claim { signature: "", ..claim },
        ] {
            assert_eq!(server.accepts(&wrong), Ok(false), "{}: {wrong:?}", vector.shows);
        }
    }
}

/// Whether a sign-in with `given` is accepted where the password is `real`.
fn signs_in(real: &str, given: &str, salt: &[u8], a: &Random, b: &Random) -> bool {
    let verifier = Verifier::new("AbCdEfGhI", "rpi-1", real, salt);
    let (client, srp_a) = Client::new("AbCdEfGhI", a);
    let server = Server::new(&verifier, &srp_a, b).unwrap();
    let (salt, srp_b) = (verifier.salt(), server.srp_b());
    let challenge = Challenge { user_id: "rpi-1", salt: &salt, srp_b: &srp_b, secret_block: "c2VjcmV0" };
    let timestamp = timestamp(1_788_602_400);
    let signature = client.proof(given, &challenge, &timestamp).unwrap();
    let claim = Claim {
        pool_name: "AbCdEfGhI",
        user_id: "rpi-1",
        secret_block: b"secret",
        timestamp: &timestamp,
        signature: &signature,
    };
    server.accepts(&claim).unwrap()
}

/// Secret exponents: any, and those that are short or at the border.
fn exponents() -> impl Strategy<Value = Random> {
    let short = |number: u8| {
        let mut bytes = [0; RANDOM_BYTES];
        bytes[RANDOM_BYTES - 1] = number;
        bytes
    };
    prop_oneof![4 => any::<Random>(), 1 => any::<u8>().prop_map(short), 1 => Just([0xff; RANDOM_BYTES])]
}

/// Salts: any, and those that begin with zeros or a set top bit.
fn salts() -> impl Strategy<Value = Vec<u8>> {
    let any = proptest::collection::vec(any::<u8>(), 0..33);
    prop_oneof![3 => any, 1 => Just(vec![0; 16]), 1 => Just(vec![0xff; 16]), 1 => Just([0, 0x80, 1].to_vec())]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn the_right_password_signs_in_and_no_other_does(
        real in ".{0,40}", other in ".{0,40}", salt in salts(), a in exponents(), b in exponents(),
    ) {
        prop_assert!(signs_in(&real, &real, &salt, &a, &b));
        prop_assert_eq!(signs_in(&real, &other, &salt, &a, &b), real == other);
    }

    #[test]
    fn a_padded_number_is_the_same_number_and_never_negative(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
        let number = padded(&bytes);
        prop_assert!(number[0] < 0x80);
        prop_assert!(number.len() == 1 || number[0] != 0 || number[1] >= 0x80, "shorter would do: {number:?}");
        let significant = |bytes: &[u8]| bytes.iter().copied().skip_while(|byte| *byte == 0).collect::<Vec<_>>();
        prop_assert_eq!(significant(&number), significant(&bytes));
    }

    #[test]
    fn nothing_a_server_could_send_makes_the_client_panic(
        salt in ".{0,20}|[0-9a-f]{0,40}", srp_b in ".{0,20}|[0-9a-fA-F]{0,800}", secret_block in ".{0,20}",
    ) {
        let (client, _) = Client::new("p", &[7; RANDOM_BYTES]);
        let challenge = Challenge { user_id: "u", salt: &salt, srp_b: &srp_b, secret_block: &secret_block };
        let _ = client.proof("password", &challenge, "");
    }
}

#[test]
fn public_values_by_which_nobody_needs_a_password_are_refused_by_both_sides() {
    let zeros = "0".repeat(768);
    let longer = format!("1{zeros}");
    let above = format!("{}E", "F".repeat(767));
    let verifier = Verifier::new("p", "u", "password", &[1; 16]);
    let (client, _) = Client::new("p", &[7; RANDOM_BYTES]);
    for value in
        ["0", "00", &zeros, MODULUS_HEX, &MODULUS_HEX.to_lowercase(), &format!("00{MODULUS_HEX}"), &above, &longer]
    {
        let refused = Server::new(&verifier, value, &[9; RANDOM_BYTES]).err();
        assert_eq!(refused, Some(SrpError::OutOfRange("SRP_A")), "{value}");
        let challenge = Challenge { user_id: "u", salt: "1", srp_b: value, secret_block: "" };
        assert_eq!(client.proof("password", &challenge, ""), Err(SrpError::OutOfRange("SRP_B")), "{value}");
    }
    let below = format!("{}E", &MODULUS_HEX[..767]);
    assert!(Server::new(&verifier, &below, &[9; RANDOM_BYTES]).is_ok(), "N - 1 is a number of the group");
}

#[test]
fn what_is_no_number_is_refused_by_its_name() {
    let (client, srp_a) = Client::new("p", &[7; RANDOM_BYTES]);
    let good = Challenge { user_id: "u", salt: "1f", srp_b: &srp_a, secret_block: "YQ==" };
    assert!(client.proof("password", &good, "").is_ok());
    for text in ["", "0x1f", "-1", "+1", " 1", "1 ", "g", "é", "1_0"] {
        let challenge = Challenge { salt: text, ..good };
        assert_eq!(client.proof("password", &challenge, ""), Err(SrpError::NotHexadecimal("SALT")), "{text}");
        let challenge = Challenge { srp_b: text, ..good };
        assert_eq!(client.proof("password", &challenge, ""), Err(SrpError::NotHexadecimal("SRP_B")), "{text}");
    }
    let challenge = Challenge { secret_block: "not base64", ..good };
    assert_eq!(client.proof("password", &challenge, ""), Err(SrpError::NotBase64("SECRET_BLOCK")));
}

#[test]
fn the_longest_exponent_is_not_cut() {
    // (2^256 - 1) + (2^256 - 1)² = 2^512 - 2^256; 2 to it is the same taken in two steps.
    let largest = Exponent::new(&[0xff; 32]);
    let whole = Integer::generator().power(&largest.plus_product(&largest, &largest));
    let one = Exponent::new(&random(&format!("{:064x}", 1)));
    let by_steps = Integer::generator().short_power(&largest).power(&one.plus_product(&one, &largest));
    let zero = Exponent::new(&[0; 32]);
    let again = Integer::generator().short_power(&largest).power(&largest.plus_product(&zero, &zero));
    assert_eq!(whole.to_hex(), again.times(Integer::generator().short_power(&largest)).to_hex());
    assert_eq!(whole.to_hex(), by_steps.to_hex());
}

#[test]
fn a_day_below_ten_has_no_zero() {
    let known = [
        (1_788_602_400, "Sat Sep 5 10:00:00 UTC 2026"),
        (1_788_998_399, "Wed Sep 9 23:59:59 UTC 2026"),
        (1_788_998_400, "Thu Sep 10 00:00:00 UTC 2026"),
        (1_767_225_600, "Thu Jan 1 00:00:00 UTC 2026"),
        (1_798_761_599, "Thu Dec 31 23:59:59 UTC 2026"),
        (951_782_400, "Tue Feb 29 00:00:00 UTC 2000"),
        (0, "Thu Jan 1 00:00:00 UTC 1970"),
    ];
    for (seconds, text) in known {
        assert_eq!(timestamp(seconds), text);
    }
    assert_eq!(timestamp(i64::MAX), timestamp(0), "a time that no calendar knows is no reason to fall");
}

#[test]
fn the_name_of_a_pool_is_what_follows_its_region() {
    assert_eq!(pool_name("eu-west-1_AbCdEfGhI"), "AbCdEfGhI");
    assert_eq!(pool_name("local_a_b"), "a_b");
    assert_eq!(pool_name("bare"), "bare");
}

#[test]
fn a_client_in_a_log_shows_no_secret() {
    let (client, _) = Client::new("p", &[7; RANDOM_BYTES]);
    assert_eq!(format!("{client:?}"), "Client { pool_name: \"p\", .. }");
}
