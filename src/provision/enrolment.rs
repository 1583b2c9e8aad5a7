//! Decides what a system needs, from what Cognito, the folder of configs and the journal say of it.
//!
//! Two rules no crash may break. With a folder, a password is in a synced file *before* Cognito has it, and a file that is
//! there is never replaced by another password while its user may have the one in it. Without a folder, a password is told
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
    /// A config of this system and this pool, with a password.
    Config,
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
    /// The one of the config that an earlier run left.
    Found,
}

/// What `provision users` does for a system.
pub fn step(user: &User, written: &Written, is_begun: bool) -> Step {
    let password = match written {
        Written::Foreign(what) => return Step::Refuse(what.clone()),
        Written::NoFolder => Password::Told,
        Written::Nothing => Password::Written,
        // A waiting config is not a system's first one: whatever its user is, `rotate` brings both together.
        Written::Rotating => return Step::NameForRotation("its rotation was cut short".to_string()),
        Written::Config => Password::Found,
    };
    match user {
        User::Absent => Step::Enrol(Enrol { is_new: true, password }),
        User::HalfMade => Step::Enrol(Enrol { is_new: false, password }),
        User::Complete if is_begun => Step::NameForRotation(UNTOLD.to_string()),
        User::Complete => Step::Leave,
        User::Stuck(state) => Step::NameForRotation(format!("Cognito has it as {state}")),
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
        (_, Written::Nothing | Written::Config) => Ok(Password::Written),
    }
}

/// One thing that is done for a system. What follows begins when it is done, so a crash leaves a beginning of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Note in the journal, durably, that a password may be set from here on.
    Begin,
    /// Write the config with the new password, durably.
    Write,
    /// The same beside the config that is in use.
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
            Password::Written => (&[Act::Write], &[Act::Set, Act::Finish]),
            Password::Found => (&[], &[Act::Set, Act::Finish]),
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
        aside: Option<u32>,
        is_begun: bool,
        told: Vec<u32>,
        named: bool,
        drawn: u32,
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
            match (has_folder, self.aside, self.config) {
                (false, _, _) => Written::NoFolder,
                (true, Some(_), _) => Written::Rotating,
                (true, None, Some(_)) => Written::Config,
                (true, None, None) => Written::Nothing,
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
                    Step::Leave | Step::Refuse(_) => return,
                }
            };
            let secret = match password {
                Password::Found => self.aside.or(self.config).unwrap(),
                Password::Told | Password::Written => {
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
                Act::Write => {
                    assert_eq!(self.config, None, "a config that is there was replaced");
                    self.config = Some(secret);
                }
                Act::WriteAside => self.aside = Some(secret),
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
            runs in proptest::collection::vec((any::<bool>(), 0_usize..7), 0..12),
        ) {
            let mut world = World::default();
            for (is_rotation, crash) in runs {
                world.run(is_rotation, true, crash);
                if let Some(secret) = world.user.filter(|secret| *secret != NONE) {
                    prop_assert!([world.config, world.aside].contains(&Some(secret)), "{world:?}");
                }
            }
            world.run(false, true, usize::MAX);
            if world.named {
                world.run(true, true, usize::MAX);
            }
            prop_assert!(world.user.is_some() && world.user == world.config && world.aside.is_none(), "{world:?}");
        }

        #[test]
        fn without_a_folder_a_password_is_told_or_its_system_named(
            runs in proptest::collection::vec((any::<bool>(), 0_usize..7), 0..12),
        ) {
            let mut world = World::default();
            for (is_rotation, crash) in runs {
                world.run(is_rotation, false, crash);
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
