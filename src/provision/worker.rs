//! Does for a system what `enrolment` decided: act by act, each when the one before it is done.

use std::cell::{Cell, RefCell};
use std::io;
use std::path::PathBuf;

use super::call::CallError;
use super::device::Blank;
use super::enrolment::{self, Act, Password, Step, User, Written};
use super::folder::{Folder, Place};
use super::journal::Journal;
use super::pace::Category;
use super::passwords;
use super::road::Road;
use super::users::Pool;
use crate::config::Secret;

/// Tells a new password: whose, and which.
pub type Tell = dyn Fn(&str, &Secret) -> io::Result<()>;

/// What sets systems up, one after the other or side by side.
pub struct Worker {
    /// The users.
    pub pool: Pool,
    /// How requests go.
    pub road: Road,
    /// Whose password may be set and was not told.
    pub journal: RefCell<Journal>,
    /// Where configs are written, and what from; none where passwords are told.
    pub configs: Option<(Folder, Blank)>,
    /// Tells passwords.
    pub tell: Box<Tell>,
    /// Whether a told password could not be: no further one is set then.
    is_mute: Cell<bool>,
}

/// What became of a system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was set up before, and is as it was.
    Left,
    /// It has a new user.
    Added,
    /// An earlier run had not come to its end: what was missing is done.
    Repaired,
    /// It has a new password.
    Rotated,
    /// It has no user any more.
    Removed,
    /// Its password may be one that nobody knows: why.
    Named(String),
    /// Nothing was touched: why.
    Refused(String),
}

/// Why a system could not be done.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// AWS did not do it.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The disk or the terminal did not take it.
    #[error("{doing}: {source}")]
    Io {
        /// What we were doing.
        doing: String,
        /// What the system says.
        source: io::Error,
    },
    /// What lies in the folder of configs, or the template, does not serve.
    #[error("{0}")]
    Config(String),
    /// A user came up under way.
    #[error("user {0} was made by another run at the same time, which knows its password")]
    MadeElsewhere(String),
    /// Passwords cannot be told any more.
    #[error("the password of {0} was not set: nobody could have been told it")]
    Mute(String),
    /// The system's generator gives no random bytes.
    #[error("making a password: {0}")]
    Random(String),
}

fn io_trouble(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Trouble {
    let doing = doing.into();
    |source| Trouble::Io { doing, source }
}

impl Worker {
    /// A worker that has done nothing yet.
    pub fn new(pool: Pool, road: Road, journal: Journal, configs: Option<(Folder, Blank)>, tell: Box<Tell>) -> Self {
        Self { pool, road, journal: RefCell::new(journal), configs, tell, is_mute: Cell::new(false) }
    }

    /// Where the config of a system lies, or would; none where passwords are told.
    pub fn config_of(&self, id: &str) -> Option<PathBuf> {
        self.configs.as_ref().map(|(folder, _)| folder.path_of(id, Place::InUse))
    }

    /// Sets a system up. `listed` is how its user stood a moment ago, where that is known.
    ///
    /// # Errors
    /// Why it could not be done; the next run takes it up again.
    pub async fn enrol(&self, name: &str, listed: Option<User>) -> Result<Outcome, Trouble> {
        let written = self.written(name).await;
        let user = match listed {
            Some(User::Absent) if matches!(written, Written::NoFolder | Written::Nothing) => User::Absent,
            Some(user @ (User::Complete | User::Stuck(_))) => user,
            // What is listed is a moment old, and the end of an earlier run may be as near: a password that it set or told
            // is not to be another one now.
            _ => self.user(name).await?,
        };
        let is_begun = self.journal.borrow().begun().contains(name);
        match enrolment::step(&user, &written, is_begun) {
            Step::Leave => Ok(Outcome::Left),
            Step::Settle => {
                self.settle(name).await?;
                Ok(Outcome::Repaired)
            }
            Step::NameForRotation(why) => Ok(Outcome::Named(why)),
            Step::Refuse(why) => Ok(Outcome::Refused(why)),
            Step::Enrol(enrol) => match self.perform(name, enrol.password, Place::First, &enrol.acts()).await {
                Ok(()) if enrol.is_new => Ok(Outcome::Added),
                Ok(()) => Ok(Outcome::Repaired),
                Err(error) => {
                    self.take_back(name, enrol.password, &error)?;
                    Err(error)
                }
            },
        }
    }

    /// Gives a system a new password, and ends the sessions of the old one.
    ///
    /// # Errors
    /// Why it could not be done.
    pub async fn rotate(&self, name: &str) -> Result<Outcome, Trouble> {
        let written = self.written(name).await;
        let user = self.user(name).await?;
        if user == User::Absent {
            // There is no password any more that was not told.
            self.finish(name)?;
        }
        match enrolment::rotation(&user, &written) {
            Err(why) => Ok(Outcome::Refused(why)),
            Ok(password) => {
                self.perform(name, password, Place::Aside, password.rotation()).await?;
                Ok(Outcome::Rotated)
            }
        }
    }

    /// A config that was written for a user that somebody else completed holds a password that never serves.
    fn take_back(&self, name: &str, password: Password, error: &Trouble) -> Result<(), Trouble> {
        match (password, error, &self.configs) {
            (Password::Written, Trouble::MadeElsewhere(_), Some((folder, _))) => {
                folder.remove(name, Place::First).map_err(io_trouble(format!("removing the config of {name}")))
            }
            _ => Ok(()),
        }
    }

    /// Deletes a system's user, and what the journal knows of it.
    ///
    /// # Errors
    /// Why it could not be done.
    pub async fn remove(&self, name: &str) -> Result<Outcome, Trouble> {
        let sent = self.road.send("AdminDeleteUser", Category::UserUpdate, || self.pool.delete(name)).await?;
        self.finish(name)?;
        Ok(if sent { Outcome::Removed } else { Outcome::Left })
    }

    async fn user(&self, name: &str) -> Result<User, CallError> {
        self.road.send("AdminGetUser", Category::UserRead, || self.pool.user(name)).await
    }

    async fn written(&self, name: &str) -> Written {
        let Some((folder, _)) = self.configs.clone() else { return Written::NoFolder };
        let name = name.to_string();
        let written = tokio::task::spawn_blocking(move || folder.written(&name)).await;
        written.unwrap_or_else(|error| Written::Foreign(error.to_string()))
    }

    async fn perform(&self, name: &str, password: Password, place: Place, acts: &[Act]) -> Result<(), Trouble> {
        let secret = match (password, &self.configs) {
            (Password::Found, Some((folder, _))) => {
                let found = folder.password(name, place).map_err(Trouble::Config)?;
                found.ok_or_else(|| Trouble::Config(format!("the config of {name} is gone")))?
            }
            _ => passwords::generate(&mut |bytes| getrandom::fill(bytes))
                .map_err(|error| Trouble::Random(error.to_string()))?,
        };
        for act in acts {
            // A name stays in the journal whatever Cognito says in the end: an attempt without an answer may have set the
            // password before one was refused.
            self.act(name, *act, &secret).await?;
        }
        Ok(())
    }

    async fn act(&self, name: &str, act: Act, secret: &Secret) -> Result<(), Trouble> {
        match act {
            Act::Begin => self.begin(name),
            Act::Discard => self.in_folder(name, |folder, name| folder.remove(name, Place::Aside)).await,
            Act::Write => self.write(name, Place::First, secret).await,
            Act::Settle => self.settle(name).await,
            Act::WriteAside => self.write(name, Place::Aside, secret).await,
            Act::Create => self.create(name).await,
            Act::Set => {
                let set = || self.pool.set_password(name, secret);
                Ok(self.road.send("AdminSetUserPassword", Category::UserAccountRecovery, set).await?)
            }
            Act::Tell => (self.tell)(name, secret).map_err(|error| {
                self.is_mute.set(true);
                io_trouble(format!("telling the password of {name}"))(error)
            }),
            Act::SignOut => {
                let sent = self.road.send("AdminUserGlobalSignOut", Category::UserUpdate, || self.pool.sign_out(name));
                Ok(sent.await?)
            }
            Act::Replace => self.in_folder(name, |folder, name| folder.settle(name, Place::Aside)).await,
            Act::Finish => self.finish(name),
        }
    }

    fn finish(&self, name: &str) -> Result<(), Trouble> {
        self.journal.borrow_mut().finish(name).map_err(io_trouble(format!("noting that {name} is done")))
    }

    fn begin(&self, name: &str) -> Result<(), Trouble> {
        if self.is_mute.get() {
            return Err(Trouble::Mute(name.to_string()));
        }
        self.journal.borrow_mut().begin(name).map_err(io_trouble(format!("noting that {name} was begun")))
    }

    async fn write(&self, name: &str, place: Place, secret: &Secret) -> Result<(), Trouble> {
        let Some((folder, blank)) = self.configs.clone() else { return Ok(()) };
        let text = blank.fill(name, secret).map_err(Trouble::Config)?;
        blocking(name, move |name| folder.write(name, place, &text)).await
    }

    async fn settle(&self, name: &str) -> Result<(), Trouble> {
        self.in_folder(name, |folder, name| folder.settle(name, Place::First)).await
    }

    async fn in_folder(&self, name: &str, work: fn(&Folder, &str) -> io::Result<()>) -> Result<(), Trouble> {
        let Some((folder, _)) = self.configs.clone() else { return Ok(()) };
        blocking(name, move |name| work(&folder, name)).await
    }

    async fn create(&self, name: &str) -> Result<(), Trouble> {
        let sent = self.road.send("AdminCreateUser", Category::UserCreation, || self.pool.create(name));
        if sent.await? {
            return Ok(());
        }
        // An answer of Cognito's may have been lost, and then it was made by us; or somebody else was faster.
        match self.user(name).await? {
            User::HalfMade => Ok(()),
            _ => Err(Trouble::MadeElsewhere(name.to_string())),
        }
    }
}

/// Writes for `name` where it keeps no other job waiting.
async fn blocking(name: &str, work: impl FnOnce(&str) -> io::Result<()> + Send + 'static) -> Result<(), Trouble> {
    let owned = name.to_string();
    let done = tokio::task::spawn_blocking(move || work(&owned)).await;
    let done = done.unwrap_or_else(|error| Err(io::Error::other(error)));
    done.map_err(io_trouble(format!("writing the config of {name}")))
}
