//! Users of a pool: their passwords, what locks them out, and how they are listed.
//!
//! A test endpoint keeps passwords as they are; what SRP needs of one is computed when it is first asked for, since making a
//! thousand users should not cost a thousand powers.
//!
//! Pure: no I/O, no clock, no tasks.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::ask::{Ask, broken};
use super::chance::Chance;
use super::seconds;
use crate::local::refusal::Refusal;
use crate::record::Wall;
use crate::srp::Verifier;

/// Wrong passwords that cost nothing. From then on a user is locked out, each time for twice as long as before: 2^(n-5) s
/// after the n-th (Cognito's page "Lockout behavior for failed sign-in attempts", read 2026-11-21).
const FREE_FAILURES: u32 = 5;
/// The longest lockout, and the rest after which all failures are forgotten: about 15 minutes (the same page).
const LONGEST_LOCK_MS: i64 = 15 * 60 * 1000;
const DAY_MS: i64 = 86_400_000;
/// The most users on a page of ListUsers (the service's model).
const MAX_PAGE: i64 = 60;
/// What counts as a symbol in a password (Cognito's page "Adding user pool password requirements", read 2026-11-21).
const SYMBOLS: &str = "^$*.[]{}()?\"!@#%&/\\,><':;|_~`=+- ";

/// How far a user's registration has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Has a password of their own.
    Confirmed,
    /// Has a temporary password, and has to set another before anything else.
    ForceChangePassword,
}

impl Status {
    fn name(self) -> &'static str {
        match self {
            Self::Confirmed => "CONFIRMED",
            Self::ForceChangePassword => "FORCE_CHANGE_PASSWORD",
        }
    }
}

/// What a password must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    min_length: usize,
    /// Capitals, small letters, digits, symbols.
    required: [bool; 4],
    temporary_days: i64,
}

impl Policy {
    /// Of a pool's `Policies.PasswordPolicy`; what is left out is as Cognito has it by default.
    pub fn of(asked: Ask<'_>) -> Self {
        let required = ["RequireUppercase", "RequireLowercase", "RequireNumbers", "RequireSymbols"];
        let is_default = asked.all().is_empty();
        Self {
            min_length: asked.number("MinimumLength").and_then(|length| usize::try_from(length).ok()).unwrap_or(8),
            required: required.map(|name| asked.flag(name).unwrap_or(is_default)),
            temporary_days: asked.number("TemporaryPasswordValidityDays").filter(|days| *days > 0).unwrap_or(7),
        }
    }

    /// Whether it lets a password be one.
    pub fn check(&self, password: &str) -> Result<(), Refusal> {
        let refused = |why: &str| {
            Err(Refusal::new("InvalidPasswordException", format!("Password did not conform with policy: {why}")))
        };
        let length = password.chars().count();
        if length > 256 {
            return Err(broken("Password", "have length less than or equal to 256"));
        }
        if password.starts_with(char::is_whitespace) || password.ends_with(char::is_whitespace) {
            return Err(broken("Password", "satisfy regular expression pattern: ^[\\S]+.*[\\S]+$"));
        }
        if length < self.min_length {
            return refused("Password not long enough");
        }
        let held = [
            ("uppercase", password.contains(|c: char| c.is_ascii_uppercase())),
            ("lowercase", password.contains(|c: char| c.is_ascii_lowercase())),
            ("numeric", password.contains(|c: char| c.is_ascii_digit())),
            ("symbol", password.contains(|c: char| SYMBOLS.contains(c))),
        ];
        for ((name, is_held), required) in held.into_iter().zip(self.required) {
            if required && !is_held {
                return refused(&format!("Password must have {name} characters"));
            }
        }
        Ok(())
    }
}

struct Password {
    text: Zeroizing<String>,
    salt: [u8; 16],
    verifier: Option<Verifier>,
    set: Wall,
}

/// A user.
pub struct User {
    /// As it was given at first.
    pub name: String,
    /// What tells this user from one of the same name that was deleted.
    pub sub: String,
    /// How far the registration has come.
    pub status: Status,
    /// Whether an administrator lets them sign in.
    pub is_enabled: bool,
    attributes: Vec<(String, String)>,
    created: Wall,
    modified: Wall,
    password: Password,
    failures: u32,
    last_failure: Wall,
}

impl User {
    /// A user who has to change the password that they are given.
    pub fn new(name: &str, attributes: Vec<(String, String)>, password: &str, now: Wall, chance: &mut Chance) -> Self {
        let password =
            Password { text: Zeroizing::new(password.to_owned()), salt: chance.bytes(), verifier: None, set: now };
        Self {
            name: name.to_owned(),
            sub: chance.uuid(),
            status: Status::ForceChangePassword,
            is_enabled: true,
            attributes,
            created: now,
            modified: now,
            password,
            failures: 0,
            last_failure: Wall(0),
        }
    }

    /// Gives the user another password; `permanent`: one that need not be changed.
    pub fn set_password(&mut self, password: &str, permanent: bool, now: Wall, chance: &mut Chance) {
        let text = Zeroizing::new(password.to_owned());
        self.password = Password { text, salt: chance.bytes(), verifier: None, set: now };
        self.status = if permanent { Status::Confirmed } else { Status::ForceChangePassword };
        self.modified = now;
    }

    /// What SRP needs of the password.
    pub fn verifier(&mut self, pool_name: &str) -> Verifier {
        let Password { text, salt, verifier, .. } = &mut self.password;
        verifier.get_or_insert_with(|| Verifier::new(pool_name, &self.name, text, &*salt)).clone()
    }

    /// Whether that is the password.
    pub fn has_password(&self, password: &str) -> bool {
        *self.password.text == password
    }

    /// Whether the user may try a password now.
    pub fn may_try(&mut self, now: Wall, policy: &Policy) -> Result<(), Refusal> {
        if !self.is_enabled {
            return Err(not_authorized("User is disabled."));
        }
        let rested_ms = now.0 - self.last_failure.0;
        if rested_ms >= LONGEST_LOCK_MS {
            self.failures = 0;
        }
        if rested_ms < self.lock_ms() {
            return Err(not_authorized("Password attempts exceeded"));
        }
        let age_ms = now.0 - self.password.set.0;
        if self.status == Status::ForceChangePassword && age_ms > policy.temporary_days * DAY_MS {
            return Err(not_authorized("Temporary password has expired and must be reset by an administrator."));
        }
        Ok(())
    }

    /// For how long the last failure locks the user out.
    fn lock_ms(&self) -> i64 {
        match self.failures.checked_sub(FREE_FAILURES) {
            None => 0,
            Some(beyond) => (1000_i64 << beyond.min(20)).min(LONGEST_LOCK_MS),
        }
    }

    /// A wrong password was tried.
    pub fn failed(&mut self, now: Wall) {
        self.failures = self.failures.saturating_add(1);
        self.last_failure = now;
    }

    /// The right one was.
    pub fn succeeded(&mut self) {
        self.failures = 0;
    }

    /// As in ListUsers, and but for the name of one member in AdminGetUser.
    pub fn described(&self, attributes: &str) -> Value {
        let sub = [("sub", self.sub.as_str())];
        let all = self.attributes.iter().map(|(name, value)| (name.as_str(), value.as_str())).chain(sub);
        let all: Vec<Value> = all.map(|(name, value)| json!({ "Name": name, "Value": value })).collect();
        json!({
            "Username": self.name, attributes: all, "UserCreateDate": seconds(self.created),
            "UserLastModifiedDate": seconds(self.modified), "Enabled": self.is_enabled, "UserStatus": self.status.name(),
        })
    }

    fn attribute(&self, name: &str) -> Option<&str> {
        match name {
            "username" => Some(&self.name),
            "sub" => Some(&self.sub),
            "cognito:user_status" => Some(self.status.name()),
            "status" => Some(if self.is_enabled { "Enabled" } else { "Disabled" }),
            _ => self.attributes.iter().find(|(attribute, _)| attribute == name).map(|(_, value)| value.as_str()),
        }
    }
}

/// Checks a new user's name against the model. Letters, marks, symbols, digits and punctuation are what is neither blank nor
/// a control.
pub fn check_name(name: &str) -> Result<(), Refusal> {
    match name.chars().count() {
        0 => Err(broken("Username", "have length greater than or equal to 1")),
        1..=128 if name.contains(|c: char| c.is_whitespace() || c.is_control()) => {
            Err(broken("Username", "satisfy regular expression pattern: [\\p{L}\\p{M}\\p{S}\\p{N}\\p{P}]+"))
        }
        1..=128 => Ok(()),
        _ => Err(broken("Username", "have length less than or equal to 128")),
    }
}

/// A page of users: `Limit`, `PaginationToken` and `Filter` as they were asked.
pub fn list(users: &BTreeMap<String, User>, asked: Ask<'_>) -> Result<Value, Refusal> {
    let limit = asked.number("Limit").unwrap_or(MAX_PAGE);
    let limit = match usize::try_from(limit) {
        Ok(0) => 60,
        Ok(limit) if limit <= 60 => limit,
        _ => return Err(broken("Limit", "have value between 0 and 60")),
    };
    let fits = filter(asked.given("Filter").unwrap_or_default())?;
    let wrong_token = || Refusal::parameter("Invalid pagination token.");
    let after = asked.given("PaginationToken").map(|token| URL_SAFE_NO_PAD.decode(token).map_err(|_| wrong_token()));
    let after = after.transpose()?.map(|bytes| String::from_utf8(bytes).map_err(|_| wrong_token())).transpose()?;
    let rest = users.iter().skip_while(|(key, _)| after.as_ref().is_some_and(|after| *key <= after));
    let mut rest = rest.filter(|(_, user)| fits(user)).peekable();
    let page: Vec<(&String, &User)> = rest.by_ref().take(limit).collect();
    let described: Vec<Value> = page.iter().map(|(_, user)| user.described("Attributes")).collect();
    let mut answer = json!({ "Users": described });
    if let (Some((last, _)), Some(_)) = (page.last(), rest.peek()) {
        answer["PaginationToken"] = json!(URL_SAFE_NO_PAD.encode(last));
    }
    Ok(answer)
}

/// `attribute = "value"`, or `^=` for what begins with it; an empty one fits all.
fn filter(text: &str) -> Result<impl Fn(&User) -> bool, Refusal> {
    let wrong =
        || Refusal::parameter("Error while parsing filter: it must be an attribute, = or ^=, and a value in quotes.");
    let parts = if text.trim().is_empty() {
        None
    } else {
        let (left, right) = text.split_once('=').ok_or_else(wrong)?;
        let (name, is_prefix) = left.strip_suffix('^').map_or((left, false), |name| (name, true));
        let value = right.trim().strip_prefix('"').and_then(|value| value.strip_suffix('"')).ok_or_else(wrong)?;
        let name = name.trim().trim_matches('"').to_owned();
        Some((name, is_prefix, value.replace("\\\"", "\"")))
    };
    Ok(move |user: &User| {
        let Some((name, is_prefix, value)) = &parts else { return true };
        user.attribute(name).is_some_and(|held| if *is_prefix { held.starts_with(&**value) } else { held == value })
    })
}

/// What is told whoever may not.
pub fn not_authorized(message: &str) -> Refusal {
    Refusal::new("NotAuthorizedException", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1000;

    fn user(name: &str) -> User {
        let mut chance = Chance::new([name.len().try_into().unwrap(); 32]);
        let mut user = User::new(name, Vec::new(), "first", Wall(0), &mut chance);
        user.set_password("Right-1", true, Wall(0), &mut chance);
        user
    }

    fn policy(asked: &Value) -> Policy {
        Policy::of(Ask::of(asked))
    }

    #[test]
    fn the_fifth_wrong_password_locks_for_a_second_and_each_one_more_for_twice_as_long() {
        let (mut user, policy, mut now) = (user("u"), policy(&json!({})), 1_000_000_000);
        for _ in 0..4 {
            user.failed(Wall(now));
            assert!(user.may_try(Wall(now), &policy).is_ok());
        }
        for lock in [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900] {
            user.failed(Wall(now));
            let early = user.may_try(Wall(now + lock * SECOND - 1), &policy);
            assert_eq!(early.unwrap_err().message, "Password attempts exceeded", "{lock}");
            now += lock * SECOND;
            let forgets = lock == 900;
            assert!(user.may_try(Wall(now), &policy).is_ok(), "{lock}");
            assert_eq!(user.failures == 0, forgets, "{lock}");
            if forgets {
                break;
            }
        }
    }

    #[test]
    fn the_right_password_and_a_long_rest_forget_failures() {
        let (mut user, policy, now) = (user("u"), policy(&json!({})), 1_000_000_000);
        (0..4).for_each(|_| user.failed(Wall(now)));
        user.succeeded();
        (0..4).for_each(|_| user.failed(Wall(now)));
        assert!(user.may_try(Wall(now), &policy).is_ok());
        assert!(user.may_try(Wall(now + LONGEST_LOCK_MS), &policy).is_ok());
        (0..4).for_each(|_| user.failed(Wall(now + LONGEST_LOCK_MS)));
        assert!(user.may_try(Wall(now + LONGEST_LOCK_MS), &policy).is_ok());
    }

    #[test]
    fn a_password_is_held_to_each_rule_of_the_policy() {
        let strict = policy(&json!({
            "MinimumLength": 10, "RequireUppercase": true, "RequireLowercase": true, "RequireNumbers": true,
            "RequireSymbols": true,
        }));
        let cases = [
            ("Aa1-aaaaaa", ""),
            ("Aa1-aaaaa", "not long enough"),
            ("aa1-aaaaaa", "uppercase"),
            ("AA1-AAAAAA", "lowercase"),
            ("Aaa-aaaaaa", "numeric"),
            ("Aa1aaaaaaa", "symbol"),
            (" Aa1-aaaaaa", "'password'"),
        ];
        for (password, wrong) in cases {
            let message = strict.check(password).err().map(|refusal| refusal.message).unwrap_or_default();
            assert!(message.contains(wrong) && message.is_empty() == wrong.is_empty(), "{password}: {message}");
        }
        assert!(
            policy(&json!({ "MinimumLength": 6 })).check("aaaaaa").is_ok(),
            "what is not asked for is not required"
        );
        assert!(policy(&json!({})).check("aaaaaaaa").is_err(), "the default asks for all kinds");
        assert_eq!(strict.check(&"Aa1-".repeat(65)).unwrap_err().code, "InvalidParameterException");
    }

    #[test]
    fn a_temporary_password_ends() {
        let mut user = User::new("u", Vec::new(), "x", Wall(0), &mut Chance::new([0; 32]));
        let policy = policy(&json!({ "TemporaryPasswordValidityDays": 1 }));
        assert!(user.may_try(Wall(DAY_MS), &policy).is_ok());
        assert!(user.may_try(Wall(DAY_MS + 1), &policy).unwrap_err().message.contains("expired"));
    }

    #[test]
    fn pages_and_filters_give_every_user_once() {
        let names: Vec<String> =
            ["Zürich".into()].into_iter().chain((0..150).map(|number| format!("rpi-{number:03}"))).collect();
        let users: BTreeMap<String, User> = names.iter().map(|name| (name.clone(), user(name))).collect();
        let listed = |filter: &str, limit: i64| {
            let (mut listed, mut token, mut pages) = (Vec::new(), Value::Null, 0);
            loop {
                let asked = json!({ "Filter": filter, "Limit": limit, "PaginationToken": token });
                let page = list(&users, Ask::of(&asked)).unwrap();
                let users = page["Users"].as_array().unwrap();
                listed.extend(users.iter().map(|user| user["Username"].as_str().unwrap().to_owned()));
                pages += 1;
                token = page["PaginationToken"].clone();
                if token.is_null() {
                    return (listed, pages);
                }
            }
        };
        assert_eq!(listed("", 60), (names.clone(), 3));
        assert_eq!(listed("", 0).1, 3);
        assert_eq!(listed("username ^= \"\"", 60).0, names);
        assert_eq!(listed("username ^= \"rpi-01\"", 10), (names[11..21].to_vec(), 1));
        assert_eq!(listed("username = \"rpi-01\"", 60).0, Vec::<String>::new());
        assert_eq!(listed("\"username\"=\"Zürich\"", 60).0, ["Zürich"]);
        assert_eq!(listed("cognito:user_status = \"CONFIRMED\"", 60).0, names);
        for wrong in ["username", "username = x", "username ^ \"x\""] {
            assert!(list(&users, Ask::of(&json!({ "Filter": wrong }))).is_err(), "{wrong}");
        }
        assert!(list(&users, Ask::of(&json!({ "Limit": 61 }))).is_err());
    }

    #[test]
    fn a_name_is_anything_visible() {
        for good in ["rpi-1", "sys_4.x", "Zürich", &"x".repeat(128)] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        for bad in ["", "a b", "a\n", &"x".repeat(129)] {
            assert!(check_name(bad).is_err(), "{bad:?}");
        }
    }
}
