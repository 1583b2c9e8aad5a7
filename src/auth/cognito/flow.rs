//! Decides what a Cognito user asks next, until there are credentials.
//!
//! Tokens come by the refresh token where one is held, else by the password; the identity id is asked for once and kept; both
//! together become credentials. Each refusal that leaves another way open is answered with that way, once. The rule that
//! is easy to break: whatever Cognito answers, an attempt ends, and sends the password once at the most.
//!
//! Pure: no I/O, no clock, no tasks.

use super::refusal::Refusal;

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// GetTokensFromRefreshToken: with and without rotation of the tokens.
    Refresh,
    /// InitiateAuth with REFRESH_TOKEN_AUTH: where the other is not known.
    RefreshWithoutRotation,
    /// InitiateAuth with USER_SRP_AUTH, and the proof.
    Prove,
    /// InitiateAuth with USER_PASSWORD_AUTH: the password goes over the wire.
    SendPassword,
    /// GetId.
    Identify,
    /// GetCredentialsForIdentity.
    Exchange,
}

/// What is at hand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AtHand {
    /// A refresh token that was not refused.
    pub refresh_token: bool,
    /// An id token that has not become credentials yet.
    pub id_token: bool,
    /// The identity id.
    pub identity: bool,
}

/// What a refusal leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// There is another way: see [`Flow::next`].
    Again,
    /// The same with the password itself, which is said once.
    AnnouncePassword,
    /// The refresh token serves no more: the whole sign-in.
    ForgetRefreshToken,
    /// The identity id serves no more: another is asked for.
    ForgetIdentity,
    /// The tokens serve no more, be it that an administrator ended their session: the whole sign-in.
    ForgetTokens,
    /// The attempt has failed.
    End,
}

/// One attempt, and what earlier ones have taught.
#[derive(Clone, Debug)]
pub struct Flow {
    /// USER_PASSWORD_AUTH was asked for.
    is_password_wanted: bool,
    /// The pool's client offers no SRP.
    is_srp_refused: bool,
    /// The endpoint does not know GetTokensFromRefreshToken.
    is_refresh_unknown: bool,
    /// It may not: it answered with a fault that says nothing.
    is_refresh_in_doubt: bool,
    is_identity_forgotten: bool,
    /// The password was used in this attempt: the tokens are as good as any.
    is_proved: bool,
}

impl Flow {
    /// With the password itself where `sends_password`, else with a proof of it.
    pub fn new(sends_password: bool) -> Self {
        Self {
            is_password_wanted: sends_password,
            is_srp_refused: false,
            is_refresh_unknown: false,
            is_refresh_in_doubt: false,
            is_identity_forgotten: false,
            is_proved: false,
        }
    }

    /// An attempt begins. SRP is tried again: somebody may have turned it on.
    pub fn begin(&mut self) {
        self.is_srp_refused = false;
        self.is_refresh_in_doubt = false;
        self.is_identity_forgotten = false;
        self.is_proved = false;
    }

    /// What to ask next.
    pub fn next(&mut self, at_hand: AtHand) -> Step {
        let step = self.step(at_hand);
        self.is_proved |= matches!(step, Step::Prove | Step::SendPassword);
        step
    }

    fn step(&self, at_hand: AtHand) -> Step {
        match at_hand {
            AtHand { id_token: true, identity: true, .. } => Step::Exchange,
            AtHand { id_token: true, .. } => Step::Identify,
            AtHand { refresh_token: true, .. } if self.is_refresh_unknown || self.is_refresh_in_doubt => {
                Step::RefreshWithoutRotation
            }
            AtHand { refresh_token: true, .. } => Step::Refresh,
            _ if self.is_password_wanted || self.is_srp_refused => Step::SendPassword,
            _ => Step::Prove,
        }
    }

    /// What follows from a refusal of `step`.
    pub fn refused(&mut self, step: Step, refusal: &Refusal) -> Turn {
        match step {
            Step::Refresh if refusal.is_unknown_operation() => {
                self.is_refresh_unknown = !refusal.code.is_empty();
                self.is_refresh_in_doubt = true;
                Turn::Again
            }
            Step::Refresh | Step::RefreshWithoutRotation if refusal.is_no() => Turn::ForgetRefreshToken,
            Step::Prove if refusal.is_srp_not_enabled() => {
                self.is_srp_refused = true;
                Turn::AnnouncePassword
            }
            Step::Exchange if refusal.may_be_about_identity() && !self.is_identity_forgotten => {
                self.is_identity_forgotten = true;
                Turn::ForgetIdentity
            }
            Step::Identify | Step::Exchange if refusal.is_about_id_token() && !self.is_proved => Turn::ForgetTokens,
            _ => Turn::End,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::delivery::outcome::SendError;

    fn refusal(code: &str, message: &str) -> Refusal {
        let reaction = match code {
            "TooManyRequestsException" => SendError::Busy { retry_after: None, detail: String::new() },
            "" => SendError::Unreachable { detail: String::new() },
            _ => SendError::Forbidden { detail: String::new() },
        };
        Refusal { code: code.to_owned(), message: message.to_owned(), status: Some(400), reaction }
    }

    /// Plays an attempt: each step is refused as `answers` says, else it brings what it brings. Answers the steps.
    fn play(flow: &mut Flow, at_hand: &mut AtHand, mut answer: impl FnMut(Step) -> Option<Refusal>) -> Vec<Step> {
        let mut steps = Vec::new();
        flow.begin();
        loop {
            let step = flow.next(*at_hand);
            steps.push(step);
            let Some(refusal) = answer(step) else {
                match step {
                    Step::Identify => at_hand.identity = true,
                    Step::Exchange => {
                        at_hand.id_token = false;
                        return steps;
                    }
                    _ => *at_hand = AtHand { refresh_token: true, id_token: true, ..*at_hand },
                }
                continue;
            };
            match flow.refused(step, &refusal) {
                Turn::Again | Turn::AnnouncePassword => {}
                Turn::ForgetRefreshToken => at_hand.refresh_token = false,
                Turn::ForgetIdentity => at_hand.identity = false,
                Turn::ForgetTokens => (at_hand.id_token, at_hand.refresh_token) = (false, false),
                Turn::End => return steps,
            }
            assert!(steps.len() < 100, "an attempt that does not end: {steps:?}");
        }
    }

    #[test]
    fn the_first_sign_in_proves_the_password_and_asks_for_the_identity() {
        let steps = play(&mut Flow::new(false), &mut AtHand::default(), |_| None);
        assert_eq!(steps, [Step::Prove, Step::Identify, Step::Exchange]);
    }

    #[test]
    fn a_renewal_needs_neither_password_nor_identity() {
        let mut at_hand = AtHand { refresh_token: true, identity: true, id_token: false };
        assert_eq!(play(&mut Flow::new(false), &mut at_hand, |_| None), [Step::Refresh, Step::Exchange]);
    }

    #[test]
    fn an_id_token_that_was_not_exchanged_is_used_at_the_next_attempt() {
        let mut flow = Flow::new(false);
        let mut at_hand = AtHand::default();
        let busy = |step| (step == Step::Identify).then(|| refusal("TooManyRequestsException", ""));
        assert_eq!(play(&mut flow, &mut at_hand, busy), [Step::Prove, Step::Identify]);
        assert_eq!(play(&mut flow, &mut at_hand, |_| None), [Step::Identify, Step::Exchange]);
    }

    #[test]
    fn a_refresh_token_that_is_refused_leads_to_the_whole_sign_in() {
        let mut at_hand = AtHand { refresh_token: true, identity: true, id_token: false };
        let revoked = |step| (step == Step::Refresh).then(|| refusal("NotAuthorizedException", "revoked"));
        let steps = play(&mut Flow::new(false), &mut at_hand, revoked);
        assert_eq!(steps, [Step::Refresh, Step::Prove, Step::Exchange]);
    }

    #[test]
    fn a_refresh_that_is_throttled_costs_no_password() {
        let mut at_hand = AtHand { refresh_token: true, identity: true, id_token: false };
        let steps =
            play(&mut Flow::new(false), &mut at_hand, |_| Some(refusal("TooManyRequestsException", "slow down")));
        assert_eq!(steps, [Step::Refresh]);
        assert!(at_hand.refresh_token);
    }

    #[test]
    fn where_rotation_is_not_known_the_old_way_is_remembered() {
        let mut flow = Flow::new(false);
        let mut at_hand = AtHand { refresh_token: true, identity: true, id_token: false };
        let old = |step| (step == Step::Refresh).then(|| refusal("UnknownOperationException", ""));
        let steps = play(&mut flow, &mut at_hand, old);
        assert_eq!(steps, [Step::Refresh, Step::RefreshWithoutRotation, Step::Exchange]);
        assert_eq!(play(&mut flow, &mut at_hand, old), [Step::RefreshWithoutRotation, Step::Exchange]);
    }

    #[test]
    fn a_fault_without_a_word_is_tried_the_old_way_and_not_remembered() {
        let mut flow = Flow::new(false);
        let mut at_hand = AtHand { refresh_token: true, identity: true, id_token: false };
        let fault = |step| (step == Step::Refresh).then(|| Refusal { status: Some(500), ..refusal("", "") });
        let steps = play(&mut flow, &mut at_hand, fault);
        assert_eq!(steps, [Step::Refresh, Step::RefreshWithoutRotation, Step::Exchange]);
        assert_eq!(play(&mut flow, &mut at_hand, |_| None), [Step::Refresh, Step::Exchange]);
    }

    #[test]
    fn a_client_without_srp_gets_the_password() {
        let no_srp = |step| {
            let says = "USER_SRP_AUTH is not enabled for the client.";
            (step == Step::Prove).then(|| refusal("InvalidParameterException", says))
        };
        let steps = play(&mut Flow::new(false), &mut AtHand::default(), no_srp);
        assert_eq!(steps, [Step::Prove, Step::SendPassword, Step::Identify, Step::Exchange]);
    }

    #[test]
    fn another_invalid_parameter_does_not_send_the_password() {
        let wrong = |_| Some(refusal("InvalidParameterException", "Missing required parameter USERNAME"));
        assert_eq!(play(&mut Flow::new(false), &mut AtHand::default(), wrong), [Step::Prove]);
    }

    #[test]
    fn an_identity_that_is_refused_is_asked_anew_once() {
        let mut at_hand = AtHand { identity: true, ..AtHand::default() };
        let foreign = |step| (step == Step::Exchange).then(|| refusal("NotAuthorizedException", "Logins don't match."));
        let steps = play(&mut Flow::new(false), &mut at_hand, foreign);
        assert_eq!(steps, [Step::Prove, Step::Exchange, Step::Identify, Step::Exchange]);
    }

    #[test]
    fn an_identity_that_another_login_has_is_forgotten_once_an_attempt() {
        let mut at_hand = AtHand { identity: true, ..AtHand::default() };
        let taken = |step| (step == Step::Exchange).then(|| refusal("ResourceConflictException", "linked already"));
        let steps = play(&mut Flow::new(false), &mut at_hand, taken);
        assert_eq!(steps, [Step::Prove, Step::Exchange, Step::Identify, Step::Exchange]);
    }

    #[test]
    fn tokens_of_a_session_that_was_ended_lead_to_a_whole_sign_in_and_fresh_ones_do_not() {
        let ended = || refusal("NotAuthorizedException", "Invalid login token. Token has been revoked.");
        let mut at_hand = AtHand { identity: true, id_token: true, refresh_token: true };
        let mut is_first = true;
        let steps = play(&mut Flow::new(false), &mut at_hand, |_| std::mem::take(&mut is_first).then(ended));
        assert_eq!(steps, [Step::Exchange, Step::Prove, Step::Exchange]);
        let always = |step| (step == Step::Exchange).then(ended);
        let mut at_hand = AtHand { identity: true, ..AtHand::default() };
        assert_eq!(play(&mut Flow::new(false), &mut at_hand, always), [Step::Prove, Step::Exchange]);
    }

    fn any_answer() -> impl Strategy<Value = Option<Refusal>> {
        let codes = [
            ("NotAuthorizedException", "Incorrect username or password."),
            ("InvalidParameterException", "USER_SRP_AUTH is not enabled for the client."),
            ("NotAuthorizedException", "Invalid login token. Token has been revoked."),
            ("TooManyRequestsException", ""),
            ("ResourceNotFoundException", ""),
            ("UnknownOperationException", ""),
            ("SomethingNew", ""),
            ("", ""),
        ];
        let refused = proptest::sample::select(codes.to_vec()).prop_map(|(code, message)| Some(refusal(code, message)));
        prop_oneof![Just(None), refused]
    }

    proptest! {
        #[test]
        fn whatever_is_answered_an_attempt_ends_and_sends_the_password_once(
            answers in proptest::collection::vec(any_answer(), 1..12),
            wants_password: bool, refresh_token: bool, id_token: bool, identity: bool,
        ) {
            let mut at_hand = AtHand { refresh_token, id_token, identity };
            let mut answers = answers.into_iter().cycle();
            let steps = play(&mut Flow::new(wants_password), &mut at_hand, |_| answers.next().flatten());
            prop_assert!(steps.len() <= 9, "{steps:?}");
            let sent = steps.iter().filter(|step| **step == Step::SendPassword).count();
            let proved = steps.iter().filter(|step| **step == Step::Prove).count();
            prop_assert!(sent <= 1 && proved <= 1, "{steps:?}");
            prop_assert!(!wants_password || proved == 0, "{steps:?}");
        }
    }
}
