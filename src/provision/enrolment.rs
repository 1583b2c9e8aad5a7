//! Decides what a system needs, from what Cognito, the folder of configs and the journal say of it.
//!
//! Two rules no crash may break. With a folder, a password is in a synced file *before* Cognito has it, and a file that is
//! there is never replaced by another password while its user may have the one in it. That file has a name of its own until
//! Cognito has the password: a config in its place without a user is one of a removed system, whose password never comes back. Without a folder, a password is told
//! *after* Cognito has it, and a name is in the journal from before the password is set until it was told: a user whose
//! password may be set and untold looks like any other, and only the journal knows it.
//!
//! Pure: no I/O, no clock.

/// A user, as Cognito has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum User {
    /// There is none.
    Absent,
    /// It was made and never got its password (`FORCE_CHANGE_PASSWORD`): nobody can sign in as it.
    HalfMade,
    /// It has its password (`CONFIRMED`).
    Complete,
    /// Another state, by Cognito's word: nothing of ours leads there.
    Stuck(String),
}

/// What the folder of configs holds for a system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Written {
    /// No folder was asked for.
    NoFolder,
    /// Nothing.
    Nothing,
    /// A config of this system and this pool, with a password that its user has or had.
    Config,
    /// Setting it up began: its first config waits to take its place.
    Beginning,
    /// A rotation began: a new config waits to take its place.
    Rotating,
    /// Something else under that name, and what is wrong with it.
    Foreign(String),
}

/// What is to be done for a system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// It is set up.
    Leave,
    /// Set it up.
    Enrol(Enrol),
    /// All but the last of it was done: put its first config in its place.
    Settle,
    /// Its password may be one that nobody knows: a person has to rotate it, and why.
    NameForRotation(String),
    /// A person has to look first, and at what. Nothing is touched.
    Refuse(String),
}

/// How a system is set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Enrol {
    /// Whether its user must be made first.
    pub is_new: bool,
    /// Where the password comes from, and where it goes.
    pub password: Password,
}

/// Where a password comes from, and where it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Password {
    /// A new one: told once Cognito has it.
    Told,
    /// A new one: written before Cognito has it.
    Written,
    /// The one of the config that an earlier run left waiting.
    Found,
    /// A new one, written likewise; but first the config that an earlier run left waiting takes its place, for its user has
    /// the password in it.
    WrittenOver,
}

/// What `provision users` does for a system.
pub fn step(user: &User, written: &Written, is_begun: bool) -> Step {
    let password = match written {
        Written::NoFolder => Password::Told,
        _ => Password::Written,
    };
    match (user, written) {
        (_, Written::Foreign(what)) => Step::Refuse(what.clone()),
        // Whatever lies there was for a user that is no more, or never was.
        (User::Absent, _) => Step::Enrol(Enrol { is_new: true, password }),
        // A waiting config is not a system's first one: whatever its user is, `rotate` brings both together.
        (_, Written::Rotating) => Step::NameForRotation("its rotation was cut short".to_string()),
        (User::HalfMade, Written::Beginning) => Step::Enrol(Enrol { is_new: false, password: Password::Found }),
        (User::HalfMade, _) => Step::Enrol(Enrol { is_new: false, password }),
        (User::Complete, _) if is_begun => Step::NameForRotation(UNTOLD.to_string()),
        (User::Complete, Written::Beginning) => Step::Settle,
        (User::Complete, _) => Step::Leave,
        (User::Stuck(state), _) => Step::NameForRotation(format!("Cognito has it as {state}")),
    }
}

/// Why a system is named that a run began and did not finish.
pub const UNTOLD: &str = "its password may have been set and was not told";

/// What `provision rotate` does for a system.
pub fn rotation(user: &User, written: &Written) -> Result<Password, String> {
    match (user, written) {
        (User::Absent, _) => Err("has no user: `provision users` adds it".to_string()),
        (_, Written::Foreign(what)) => Err(what.clone()),
        (_, Written::NoFolder) => Ok(Password::Told),
        (_, Written::Rotating) => Ok(Password::Found),
        (_, Written::Beginning) => Ok(Password::WrittenOver),
        (_, Written::Nothing | Written::Config) => Ok(Password::Written),
    }
}

/// One thing that is done for a system. What follows begins when it is done, so a crash leaves a beginning of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Note in the journal, durably, that a password may be set from here on.
    Begin,
    /// Remove what a rotation left of a user that is no more.
    Discard,
    /// Write a system's first config with the new password, durably, under the name that it has until it is set up.
    Write,
    /// Put that config in its place.
    Settle,
    /// Write a config with the new password beside the config that is in use, durably.
    WriteAside,
    /// Make the user, without a password.
    Create,
    /// Set the password, for good.
    Set,
    /// Tell the password.
    Tell,
    /// End the sessions that began with the old password.
    SignOut,
    /// Put the config that was written aside in the place of the old one.
    Replace,
    /// Note in the journal that the password is where it belongs.
    Finish,
}

impl Enrol {
    /// What is done, in order.
    pub fn acts(self) -> Vec<Act> {
        let create = self.is_new.then_some(Act::Create);
        let (before, behind): (&[Act], &[Act]) = match self.password {
            Password::Told => (&[], &[Act::Begin, Act::Set, Act::Tell, Act::Finish]),
            Password::Written | Password::WrittenOver => {
                (&[Act::Discard, Act::Write], &[Act::Set, Act::Settle, Act::Finish])
            }
            Password::Found => (&[], &[Act::Set, Act::Settle, Act::Finish]),
        };
        before.iter().copied().chain(create).chain(behind.iter().copied()).collect()
    }
}

impl Password {
    /// What a rotation does, in order.
    pub fn rotation(self) -> &'static [Act] {
        match self {
            // Told before the old sessions end: a crash in between costs a second rotation, never a password.
            Self::Told => &[Act::Begin, Act::Set, Act::Tell, Act::SignOut, Act::Finish],
            Self::Written => &[Act::WriteAside, Act::Set, Act::SignOut, Act::Replace, Act::Finish],
            Self::Found => &[Act::Set, Act::SignOut, Act::Replace, Act::Finish],
            Self::WrittenOver => &[Act::Settle, Act::WriteAside, Act::Set, Act::SignOut, Act::Replace, Act::Finish],
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A system, as Cognito, the disk and the terminal have it.
    #[derive(Clone, Debug, Default)]
    struct World {
        /// None: no user. An empty password: a half-made one.
        user: Option<u32>,
        config: Option<u32>,
        first: Option<u32>,
        aside: Option<u32>,
        is_begun: bool,
        told: Vec<u32>,
        named: bool,
        drawn: u32,
        /// The newest password of a user that was removed.
        removed: u32,
    }

    /// What happens to a system.
    #[derive(Clone, Copy, Debug)]
    enum Event {
        /// A run, up to so many acts of it.
        Users(usize),
        Rotate(usize),
        /// Its user is deleted.
        Remove,
    }

    fn event() -> impl Strategy<Value = Event> {
        prop_oneof![
            3 => (0_usize..9).prop_map(Event::Users),
            3 => (0_usize..9).prop_map(Event::Rotate),
            1 => Just(Event::Remove),
        ]
    }

    const NONE: u32 = 0;

    impl World {
        fn user(&self) -> User {
            match self.user {
                None => User::Absent,
                Some(NONE) => User::HalfMade,
                Some(_) => User::Complete,
            }
        }

        fn written(&self, has_folder: bool) -> Written {
            match (has_folder, self.aside, self.first, self.config) {
                (false, ..) => Written::NoFolder,
                (true, Some(_), ..) => Written::Rotating,
                (true, None, Some(_), _) => Written::Beginning,
                (true, None, None, Some(_)) => Written::Config,
                (true, None, None, None) => Written::Nothing,
            }
        }

        fn happens(&mut self, event: Event, has_folder: bool) {
            match event {
                Event::Users(acts) => self.run(false, has_folder, acts),
                Event::Rotate(acts) => self.run(true, has_folder, acts),
                Event::Remove => {
                    self.removed = self.removed.max(self.user.take().unwrap_or(NONE));
                    self.is_begun = false;
                }
            }
        }

        /// Does what a command does, up to `crash` acts of it. Of the last one, the request may have arrived or not.
        fn run(&mut self, is_rotation: bool, has_folder: bool, crash: usize) {
            let (user, written) = (self.user(), self.written(has_folder));
            self.named = false;
            let (password, acts) = if is_rotation {
                let Ok(password) = rotation(&user, &written) else { return };
                (password, password.rotation().to_vec())
            } else {
                match step(&user, &written, self.is_begun) {
                    Step::Enrol(enrol) => (enrol.password, enrol.acts()),
                    Step::NameForRotation(_) => return self.named = true,
                    Step::Settle => (Password::Found, vec![Act::Settle]),
                    Step::Leave | Step::Refuse(_) => return,
                }
            };
            let secret = match password {
                Password::Found => self.aside.or(self.first).unwrap(),
                Password::Told | Password::Written | Password::WrittenOver => {
                    self.drawn += 1;
                    self.drawn
                }
            };
            for act in acts.into_iter().take(crash) {
                self.act(act, secret);
            }
        }

        fn act(&mut self, act: Act, secret: u32) {
            match act {
                Act::Begin => self.is_begun = true,
                Act::Discard => self.aside = None,
                Act::Write => {
                    assert!(self.first.is_none() || self.user != self.first, "a password in use was replaced");
                    self.first = Some(secret);
                }
                Act::Settle => self.config = Some(self.first.take().unwrap()),
                Act::WriteAside => {
                    assert_eq!(self.first, None, "one of two waiting configs would be lost");
                    self.aside = Some(secret);
                }
                Act::Create => {
                    assert_eq!(self.user, None);
                    self.user = Some(NONE);
                }
                Act::Set => self.user = Some(secret),
                Act::Tell => {
                    assert_eq!(self.user, Some(secret), "told before Cognito had it");
                    self.told.push(secret);
                }
                Act::SignOut => {}
                Act::Replace => self.config = Some(self.aside.take().unwrap()),
                Act::Finish => self.is_begun = false,
            }
        }
    }

    proptest! {
        #[test]
        fn with_a_folder_no_crash_loses_a_password(
            events in proptest::collection::vec(event(), 0..12),
        ) {
            let mut world = World::default();
            for event in events {
                world.happens(event, true);
                if let Some(secret) = world.user.filter(|secret| *secret != NONE) {
                    prop_assert!([world.config, world.first, world.aside].contains(&Some(secret)), "{world:?}");
                    prop_assert!(secret > world.removed, "a removed system's password came back: {world:?}");
                }
            }
            world.run(false, true, usize::MAX);
            if world.named {
                world.run(true, true, usize::MAX);
            }
            prop_assert!(world.user.is_some_and(|secret| secret != NONE) && world.user == world.config, "{world:?}");
            prop_assert!(world.aside.is_none() && world.first.is_none(), "{world:?}");
        }

        #[test]
        fn without_a_folder_a_password_is_told_or_its_system_named(
            events in proptest::collection::vec(event(), 0..12),
        ) {
            let mut world = World::default();
            for event in events {
                world.happens(event, false);
            }
            world.run(false, false, usize::MAX);
            let is_told = world.user.is_some_and(|secret| world.told.contains(&secret));
            prop_assert!(is_told || world.named, "{world:?}");
            if world.named {
                world.run(true, false, usize::MAX);
                world.run(false, false, usize::MAX);
            }
            prop_assert!(!world.named && world.user.is_some_and(|secret| world.told.contains(&secret)), "{world:?}");
        }
    }

    #[test]
    fn a_complete_user_is_left_whatever_lies_in_the_folder() {
        for written in [Written::NoFolder, Written::Nothing, Written::Config] {
            assert_eq!(step(&User::Complete, &written, false), Step::Leave);
        }
    }

    #[test]
    fn what_nobody_of_ours_made_is_never_touched() {
        let foreign = Written::Foreign("another pool".to_string());
        for user in [User::Absent, User::HalfMade, User::Complete, User::Stuck("RESET_REQUIRED".to_string())] {
            assert_eq!(step(&user, &foreign, true), Step::Refuse("another pool".to_string()));
            assert!(rotation(&user, &foreign).is_err());
        }
    }

    #[test]
    fn a_user_in_a_strange_state_is_named_and_can_be_rotated() {
        let stuck = User::Stuck("RESET_REQUIRED".to_string());
        assert!(matches!(step(&stuck, &Written::NoFolder, false), Step::NameForRotation(_)));
        assert_eq!(rotation(&stuck, &Written::NoFolder), Ok(Password::Told));
        assert!(rotation(&User::Absent, &Written::NoFolder).is_err());
    }
}
