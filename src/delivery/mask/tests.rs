//! Each built-in rule with what it must find and what it must leave, and what is true of all of them.

use std::sync::LazyLock;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use proptest::prelude::*;

use super::*;

fn masked_by(rules: &[BuiltIn], text: &str) -> String {
    let mask = Mask::new(rules.to_vec(), Vec::new()).unwrap();
    mask.apply(text.into(), &mut KeyState::Outside).text.into_owned()
}

/// Each text becomes what stands beside it, and nothing more where it is masked again.
fn hits(rule: BuiltIn, cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        assert_eq!(masked_by(&[rule], text), *expected, "{text}");
        assert_eq!(masked_by(&[rule], expected), *expected, "again: {text}");
    }
}

fn misses(rule: BuiltIn, cases: &[&str]) {
    for text in cases {
        assert_eq!(masked_by(&[rule], text), *text);
    }
}

const ID: &str = "AKIAIOSFODNN7EXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

#[test]
fn aws_keys_are_found_by_their_form_and_their_secrets_by_the_name_beside_them() {
    let table = [
        (ID.to_string(), "[aws key]"),
        (format!("id={ID}, next"), "id=[aws key], next"),
        ("key_ASIAIOSFODNN7EXAMPLE.".into(), "key_[aws key]."),
        (format!("aws_secret_access_key = {SECRET}"), "aws_secret_access_key = [aws key]"),
        (format!(r#"{{"SecretAccessKey": "{SECRET}"}}"#), r#"{"SecretAccessKey": "[aws key]"}"#),
        (format!(r#"{{\"secretAccessKey\":\"{SECRET}\"}}"#), r#"{\"secretAccessKey\":\"[aws key]\"}"#),
        (format!("AWS_SECRET_ACCESS_KEY='{SECRET}'"), "AWS_SECRET_ACCESS_KEY='[aws key]'"),
        (format!("<SecretAccessKey>{SECRET}</SecretAccessKey>"), "<SecretAccessKey>[aws key]</SecretAccessKey>"),
        (format!("{ID},{SECRET}"), "[aws key],[aws key]"),
        ("AWS_SESSION_TOKEN=IQoJb3JpZ2luX2VjEA//aCXVz==".into(), "AWS_SESSION_TOKEN=[aws key]"),
        ("?X-Amz-Security-Token=IQoJb3JpZ2lu%2FX2Vj&X=1".into(), "?X-Amz-Security-Token=[aws key]&X=1"),
    ];
    for (text, expected) in table {
        hits(BuiltIn::AwsKeys, &[(&text, expected)]);
    }
}

#[test]
fn what_is_no_aws_key_stays() {
    misses(
        BuiltIn::AwsKeys,
        &[
            "AKIAIOSFODNN7EXAMPL",
            "AKIAIOSFODNN7EXAMPLE9",
            "xAKIAIOSFODNN7EXAMPLE",
            "akiaiosfodnn7example",
            "commit 2fd4e1c67a2d28fced849ee1bb76e7391b93eb12",
            SECRET,
            "the secret access key is wrong",
            "secretAccessKey=short",
            "session token expired",
            "AROAIOSFODNN7EXAMPLE",
        ],
    );
}

#[test]
fn of_an_authorization_header_the_scheme_stays() {
    hits(
        BuiltIn::Authorization,
        &[
            ("Authorization: Bearer abc.def-1 next=1", "Authorization: Bearer [masked] next=1"),
            ("authorization: Basic dXNlcjpwYXNz", "authorization: Basic [masked]"),
            (r#"{"Authorization": "Bearer abc", "a": 1}"#, r#"{"Authorization": "Bearer [masked]", "a": 1}"#),
            (r#"{\"authorization\":\"Basic dTpw\",\"a\":1}"#, r#"{\"authorization\":\"Basic [masked]\",\"a\":1}"#),
            (r#"curl -H "Authorization: Custom abc def" http://x"#, r#"curl -H "Authorization: [masked]" http://x"#),
            ("Proxy-Authorization: Digest username=\"u\", response=\"abc\"", "Proxy-Authorization: Digest [masked]"),
            (
                "Authorization: AWS4-HMAC-SHA256 Credential=x/y, Signature=abc\r\nHost: h",
                "Authorization: AWS4-HMAC-SHA256 [masked]\r\nHost: h",
            ),
            ("authorization=s3cr3t", "authorization=[masked]"),
            ("sent bearer eyJhbGciOi1.2 to", "sent bearer [masked] to"),
            ("header Basic dXNlcjpwYXNz.", "header Basic [masked]."),
            (r"Authorization: Token token=abc\r\nHost: x", r"Authorization: Token [masked]\r\nHost: x"),
        ],
    );
}

#[test]
fn what_is_no_authorization_stays() {
    misses(
        BuiltIn::Authorization,
        &[
            "authorization failed for user bob",
            "bearer of bad news",
            "basic authentication is off",
            "Basic configuration loaded",
            "Authorization:",
            "the authorization was given; token accepted",
            "bearer token expired",
        ],
    );
}

fn token(header: &str) -> String {
    let encode = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
    [encode(header), encode(r#"{"sub":"1234567890"}"#), encode("signature_of_it")].join(".")
}

#[test]
fn json_web_tokens_are_found_wherever_they_stand() {
    let token = token(r#"{"alg":"HS256","typ":"JWT"}"#);
    for (left, right) in [("", ""), ("got ", " now"), ("\"", "\""), ("t=", "&x=1"), ("(", ")."), ("jwt:", ",")] {
        hits(BuiltIn::Jwt, &[(&format!("{left}{token}{right}"), &format!("{left}[jwt]{right}"))]);
    }
    let encrypted = format!("{}..iv.text.tag", token.split('.').next().unwrap());
    hits(BuiltIn::Jwt, &[(&format!("{encrypted} x"), "[jwt] x"), (&format!("{token} {token}"), "[jwt] [jwt]")]);
}

#[test]
fn what_is_no_json_web_token_stays() {
    let token = token(r#"{"alg":"HS256"}"#);
    let two = token.rsplit_once('.').unwrap().0;
    misses(
        BuiltIn::Jwt,
        &[
            two,
            &format!("{two}."),
            &format!("x{token}"),
            "eyJ.abc.def",
            "eyJhbGciOi.abc.def",
            "the word eyJ means {\"",
            "eyJub3QganNvbg.eyJub3QganNvbg.abc",
        ],
    );
}

#[test]
fn numbers_of_cards_are_found_in_every_grouping() {
    hits(
        BuiltIn::CreditCard,
        &[
            ("4111111111111111", "[card]"),
            ("card 4111 1111 1111 1111.", "card [card]."),
            ("5500-0000-0000-0004,", "[card],"),
            ("3782 822463 10005 ok", "[card] ok"),
            ("\"6011000990139424\"", "\"[card]\""),
            ("30569309025904 3530111333300000", "[card] [card]"),
            ("at 18 4111 1111 1111 1111 123", "at 18 [card] 123"),
            ("2223003122003222", "[card]"),
            ("4222222222222", "[card]"),
        ],
    );
}

#[test]
fn numbers_that_are_no_cards_stay() {
    misses(
        BuiltIn::CreditCard,
        &[
            "4111111111111112",
            "41111111111111110000",
            "94111111111111111",
            "4111 1111  1111 1111",
            "4111-1111 1111-1111",
            "1700000000000",
            "a4111111111111111",
            "0.4111111111111111",
            "4111111111111111.5",
            "550e8400-e29b-41d4-a716-446655440000",
            "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1",
            "20261121180102",
        ],
    );
}

#[test]
fn addresses_of_mail_are_found() {
    hits(
        BuiltIn::Email,
        &[
            ("bob@example.com", "[email]"),
            ("from <a.b+c@mail.example.co.uk>, to", "from <[email]>, to"),
            ("user=o'neil@example.org;", "user=[email];"),
            ("\"x_y@example.io\"", "\"[email]\""),
            ("mailto:bob@example.com.", "mailto:[email]."),
            ("müller@exämple.de and a@b.cd", "[email] and [email]"),
            ("bob@xn--exmple-cua.xn--p1ai", "[email]"),
        ],
    );
}

#[test]
fn what_is_no_address_of_mail_stays() {
    misses(
        BuiltIn::Email,
        &[
            "Started getty@tty1.service",
            "root@localhost",
            "@example.com",
            "bob@",
            "icon@2x.png",
            "left-pad@1.3.0",
            "a @ b.com",
            "bob@.com",
            "bob@example.c",
        ],
    );
}

#[test]
fn ipv4_addresses_are_found() {
    hits(
        BuiltIn::Ipv4,
        &[
            ("192.168.0.1", "[ipv4]"),
            ("from 10.0.0.1:443 to 10.0.0.2.", "from [ipv4]:443 to [ipv4]."),
            ("::ffff:1.2.3.4", "::ffff:[ipv4]"),
            ("http://1.2.3.4/x 10.0.0.0/8", "http://[ipv4]/x [ipv4]/8"),
            ("host/10.0.0.1:9092 ip-10.0.0.3", "host/[ipv4]:9092 ip-[ipv4]"),
            ("1.1.1.1-1.1.1.9", "[ipv4]-[ipv4]"),
            ("0.0.0.0,255.255.255.255", "[ipv4],[ipv4]"),
        ],
    );
}

#[test]
fn what_is_no_ipv4_address_stays() {
    misses(
        BuiltIn::Ipv4,
        &[
            "1.2.3.4.5",
            "1.2.3.256",
            "256.1.2.3",
            "v1.2.3.4",
            "1.2.3",
            "1..2.3.4",
            "1.2.3.4a",
            "Chrome/120.0.0.0 Safari/537.36",
            "1234.1.1.1",
            "1.2.3.4444",
        ],
    );
}

#[test]
fn the_value_of_a_secret_field_is_masked_and_its_name_stays() {
    hits(
        BuiltIn::PasswordFields,
        &[
            ("password=hunter2 user=bob", "password=[masked] user=bob"),
            (r#"{"password": "hun\"ter2", "a": 1}"#, r#"{"password": "[masked]", "a": 1}"#),
            (r#"{\"password\":\"hun\\\"ter2\",\"a\":1}"#, r#"{\"password\":\"[masked]\",\"a\":1}"#),
            ("DB_PASSWORD='a b c'; next", "DB_PASSWORD='[masked]'; next"),
            ("https://user:pa@ss@host/path?x=1", "https://user:[masked]@host/path?x=1"),
            ("redis://:pass@host:1", "redis://:[masked]@host:1"),
            ("run --password hunter2 --verbose", "run --password [masked] --verbose"),
            ("run --db-password=hunter2 -v", "run --db-password=[masked] -v"),
            (r#"["--token", "abc", "-v"]"#, r#"["--token", "[masked]", "-v"]"#),
            ("  secret: hunter2", "  secret: [masked]"),
            ("<password>hunter2</password>", "<password>[masked]</password>"),
            ("?api_key=abc&x=1", "?api_key=[masked]&x=1"),
            ("accessToken=abc,def, next", "accessToken=[masked], next"),
            ("Config { db_pass: abc, host: x }", "Config { db_pass: [masked], host: x }"),
            ("password=b'abc' x", "password=b'[masked]' x"),
            (":password=>\"abc\"", ":password=>\"[masked]\""),
            ("token: Bearer abc x", "token: Bearer [masked] x"),
            ("{\"password\": \"cut off", "{\"password\": \"[masked]"),
            ("PGPASSWORD=geheim psql", "PGPASSWORD=[masked] psql"),
            ("d[\"client_secret\"] = 'x'", "d[\"client_secret\"] = '[masked]'"),
            ("Passwort: pwd=ä€ü ende", "Passwort: pwd=[masked] ende"),
            ("password=//a/b secret: //c", "password=[masked] secret: [masked]"),
            ("password=:abc token={a9]b", "password=[masked] token=[masked]"),
            ("secrets=[abc, def] x", "secrets=[[masked]] x"),
            ("password: [ hunter2 ], secret: {a}", "password: [ [masked] ], secret: {[masked]}"),
            ("password=[ab]c token={a b", "password=[masked] token=[masked] b"),
            (
                r#"{"secrets": ["a", "b\"c" , 'd'], "e": ["f"]}"#,
                r#"{"secrets": ["[masked]", "[masked]" , '[masked]'], "e": ["f"]}"#,
            ),
            (r#"{\"secrets\":[\"a\",\"b\"],\"e\":1}"#, r#"{\"secrets\":[\"[masked]\",\"[masked]\"],\"e\":1}"#),
            ("credentials: { user: bob, password: x }", "credentials: { user: bob, password: [masked] }"),
        ],
    );
}

#[test]
fn what_names_a_secret_and_holds_none_stays() {
    misses(
        BuiltIn::PasswordFields,
        &[
            "Failed password for root from 10.0.0.1 port 22",
            "password changed",
            "password: ",
            "\"password\": null",
            "max_tokens=512",
            "Token::new(1)",
            "secret://vault/a",
            "compass: north",
            "https://host:8080/path",
            "https://host/a:b@c",
            "the secretary: Bob",
            "password != empty",
            "aws_access_key_id=AKIA",
            "has_password: true",
            "\"credentials\": {\"a\": 1}",
            r#"{\"credentials\": { \"a\": 1}, \"secrets\": [], \"token\": [{}]}"#,
            "monkey=1 keyboard: de",
        ],
    );
}

const PEM: [&str; 4] = [
    "-----BEGIN RSA PRIVATE KEY-----",
    "MIIEowIBAAKCAQEA0Z3VS5JJcds3xfn/ygWyF8PbnGy0AHB7MhgwMbRvI0MBZhpI",
    "Ag==",
    "-----END RSA PRIVATE KEY-----",
];

fn records(block: &mut KeyState, records: &[&str]) -> Vec<String> {
    let mask = Mask::new(vec![BuiltIn::PrivateKey], Vec::new()).unwrap();
    records.iter().map(|record| mask.apply((*record).into(), block).text.into_owned()).collect()
}

#[test]
fn a_private_key_in_one_record_is_masked_with_line_ends_of_any_kind() {
    for line_end in ["\n", "\r\n", "\\n", "\\\\n", " "] {
        let text = format!("{{\"key\":\"{}\",\"a\":1}}", PEM.join(line_end));
        hits(BuiltIn::PrivateKey, &[(&text, "{\"key\":\"[private key]\",\"a\":1}")]);
    }
    for label in ["PRIVATE KEY", "EC PRIVATE KEY", "OPENSSH PRIVATE KEY", "PGP PRIVATE KEY BLOCK"] {
        let text = format!("a -----BEGIN {label}-----abc-----END {label}----- b");
        hits(BuiltIn::PrivateKey, &[(&text, "a [private key] b")]);
    }
}

#[test]
fn a_private_key_line_by_line_is_masked_to_its_end() {
    let mut block = KeyState::Outside;
    let lines = [&["before"], PEM.as_slice(), &["after"]].concat();
    let masked = ["before", "[private key]", "[private key]", "[private key]", "[private key]", "after"];
    assert_eq!(records(&mut block, &lines), masked);
    let prefixed = PEM.map(|line| format!("Nov 21 18:00:00 host app[1]: {line} x"));
    let prefixed: Vec<&str> = prefixed.iter().map(String::as_str).collect();
    let out = records(&mut block, &prefixed);
    assert_eq!(out[0], "Nov 21 18:00:00 host app[1]: [private key]");
    assert_eq!(out[1..], ["[private key]", "[private key]", "[private key] x"]);
}

#[test]
fn reading_that_begins_in_the_middle_of_a_key_masks_the_rest_of_it() {
    let rest = [PEM[1], PEM[1], "Ag==", PEM[3], "after", PEM[1]];
    let masked = ["[private key]", "[private key]", "[private key]", "[private key]", "after", PEM[1]];
    assert_eq!(records(&mut KeyState::default(), &rest), masked);
    let short = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC";
    assert_eq!(records(&mut KeyState::default(), &[short, "after", short]), ["[private key]", "after", short]);
    assert_eq!(records(&mut KeyState::default(), &["shortword", short]), ["shortword", short]);
}

#[test]
fn reading_that_begins_in_the_middle_of_a_key_behind_prefixes_masks_its_lines() {
    let other = "Nov 21 18:00:01 host sshd[2]: session opened for user root";
    let openssh = "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW";
    for prefix in ["Nov 21 18:00:00 host app[1]: ", "app.service[1]: ", "2026-11-21T18:00:00Z stderr F ", "{\"log\":\""]
    {
        let lines = [PEM[1], openssh, "QyNTUxOQAAACBlaz", PEM[1]].map(|line| format!("{prefix}{line}\\n\"}}"));
        let masked = format!("{prefix}[private key]\\n\"}}");
        let texts = [&lines[0], other, other, &lines[1], &lines[2], other, &lines[3]];
        let expected = [&masked, other, other, &masked, &masked, other, &masked];
        assert_eq!(records(&mut KeyState::default(), &texts), expected);
    }
}

#[test]
fn what_a_log_begins_with_is_no_key() {
    let hash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let lines = [
        &format!("digest {hash}"),
        "id kY3mQ9dLw2RtXbV6nPzE4 taken",
        "/usr/share/Some/Long/Path/To/A/File/That/Is/There",
    ];
    assert_eq!(records(&mut KeyState::default(), &lines), lines);
    // After so many others, what comes is no inside of anything.
    let mut lines = vec!["a line of words"; 8];
    let line = format!("token {}", PEM[1]);
    lines.push(&line);
    assert_eq!(records(&mut KeyState::default(), &lines), lines);
}

#[test]
fn a_key_without_an_end_does_not_mask_for_ever() {
    let mut block = KeyState::Outside;
    let mut lines = vec![PEM[0]];
    lines.extend(["a line of words"; 12]);
    let out = records(&mut block, &lines);
    assert_eq!(out.iter().filter(|record| *record == "[private key]").count(), 9);
    let mut block = KeyState::Outside;
    let endless = [&[PEM[0]], [PEM[1]; 500].as_slice()].concat();
    assert_eq!(records(&mut block, &endless).iter().filter(|record| *record == "[private key]").count(), 401);
}

#[test]
fn what_is_public_stays() {
    misses(
        BuiltIn::PrivateKey,
        &[
            "-----BEGIN CERTIFICATE-----abc-----END CERTIFICATE-----",
            "-----BEGIN PUBLIC KEY-----",
            "-----END PRIVATE KEY",
            "a PRIVATE KEY was read",
            "----- BEGIN PRIVATE KEY -----",
            "MIIEowIBAAKCAQEA0Z3VS5JJcds3xfn/ygWyF8PbnGy0AHB7MhgwMbRvI0MBZhpI",
            "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQ bob",
        ],
    );
}

#[test]
fn of_a_piece_the_words_at_its_cuts_do_not_leave() {
    let middle = "word ".repeat(2_000);
    let text = format!("en-of-a-token {middle}tok");
    let piece = without_edges(&text, true, true);
    assert!(piece.starts_with("[masked] word") && piece.ends_with("word [masked]"), "{piece}");
    assert!(!piece.contains("token") && !piece.contains("tok"));
    assert_eq!(without_edges(&middle, false, false), middle);
    let endless = "ä".repeat(50_000);
    let piece = without_edges(&endless, true, true);
    assert!(piece.len() > endless.len() - 2 * (WORD_BYTES + CUT_BYTES + 4), "{}", piece.len());
    assert_eq!(without_edges("short", true, true), "[masked][masked]");
}

fn by_pattern(pattern: &str, replace: &str, text: &str) -> (String, bool) {
    let mask = Mask::new(Vec::new(), vec![Pattern::new(pattern, replace).unwrap()]).unwrap();
    let masked = mask.apply(text.into(), &mut KeyState::Outside);
    (masked.text.into_owned(), masked.is_given_up)
}

#[test]
fn patterns_of_ones_own_may_name_groups_and_look_around() {
    assert_eq!(by_pattern(r"(id=)\d+", "${1}#", "id=12 id=3").0, "id=# id=#");
    assert_eq!(by_pattern(r"(?<=id=)\d+", "$0?", "id=12").0, "id=12?");
    assert_eq!(by_pattern(r"(\w)\1", MASKED, "a bb c").0, "a [masked] c");
    assert_eq!(by_pattern("nothing", MASKED, "a bb c").0, "a bb c");
}

#[test]
fn a_record_that_a_pattern_cannot_search_does_not_leave() {
    let text = format!("secret {}!", "a".repeat(60));
    assert_eq!(by_pattern(r"(?:(a+)\1?)+b", "", &text), (MASKED.to_string(), true));
}

#[test]
fn a_bad_pattern_says_what_is_wrong() {
    assert!(Pattern::new("(unclosed", "").unwrap_err().contains("unclosed group"));
    assert!(Pattern::new("a*", "").unwrap().finds_nothing());
}

fn all() -> &'static Mask {
    static ALL: LazyLock<Mask> =
        LazyLock::new(|| Mask::new(BuiltIn::ALL.map(|(_, rule)| rule).into(), Vec::new()).unwrap());
    &ALL
}

fn secrets() -> impl Strategy<Value = (String, String)> {
    let word = "[A-Za-z0-9/+_!%$*:{\\[(#@~^?.=-][A-Za-z0-9/+_!%$*]{12,30}";
    prop_oneof![
        word.prop_map(|it| (format!("password={it}"), it)),
        word.prop_map(|it| (format!("\"secret\": \"{it}\""), it)),
        word.prop_map(|it| (format!("\\\"token\\\":\\\"{it}\\\""), it)),
        "[A-Za-z0-9]{12,30}".prop_map(|it| (format!("https://user:{it}@host/"), it)),
        "[A-Za-z0-9]{12,30}".prop_map(|it| (format!("Authorization: Bearer {it}"), it)),
        "[A-Z0-9]{16}".prop_map(|it| (format!("AKIA{it}"), it)),
        "[a-z]{12,20}".prop_map(|it| (format!("{it}@example.com"), it)),
        Just((ID.into(), ID.into())),
        Just(("4111 1111 1111 1111".into(), "4111 1111 1111 1111".into())),
        Just(("192.168.17.23".into(), "192.168.17.23".into())),
        Just((PEM.join("\n"), PEM[1].into())),
        Just((token(r#"{"alg":"none"}"#), token(r#"{"alg":"none"}"#))),
    ]
}

proptest! {
    #[test]
    fn whatever_stands_around_it_a_secret_does_not_leave_and_masking_twice_is_masking_once(
        parts in prop::collection::vec(("[ a-zA-Z0-9ä{}\\[\\](),;:=\"'.@/\\\\-]{0,20}", secrets()), 1..5),
    ) {
        let text: String = parts.iter().map(|(around, (text, _))| format!("{around} {text} ")).collect();
        let once = all().apply(text.as_str().into(), &mut KeyState::Outside).text.into_owned();
        for (_, (_, secret)) in &parts {
            prop_assert!(!once.contains(secret.as_str()), "{secret} in {once} of {text}");
        }
        let twice = all().apply(once.as_str().into(), &mut KeyState::Outside).text.into_owned();
        prop_assert_eq!(&once, &twice);
    }

    #[test]
    fn any_text_can_be_masked_and_what_holds_nothing_is_unchanged(text in "\\PC{0,80}", plain in "[a-z ]{0,80}") {
        let once = all().apply(text.as_str().into(), &mut KeyState::Outside).text.into_owned();
        let twice = all().apply(once.as_str().into(), &mut KeyState::Outside).text.into_owned();
        prop_assert_eq!(&once, &twice);
        let masked = all().apply(plain.as_str().into(), &mut KeyState::Outside);
        prop_assert!(matches!(masked.text, Cow::Borrowed(_)));
    }
}
