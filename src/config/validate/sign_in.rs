//! Judges `agent.authentication`: a Cognito user or an IoT device, whole and of one kind.
//!
//! Never quotes the password.
//!
//! Pure.

use super::Judge;
use crate::config::file;
use crate::config::key::Key;
use crate::config::settings::{Cognito, Iot, PasswordSource, SignIn};

/// The sign-in; none where it is absent or wrong (and noted).
pub(super) fn sign_in(judge: &mut Judge<'_>, key: &Key<file::Authentication>) -> Option<SignIn> {
    let (id, shape) = key.placed()?;
    let cognito = [
        ("accountId", &shape.account_id),
        ("userPoolId", &shape.user_pool_id),
        ("identityPoolId", &shape.identity_pool_id),
        ("appClientId", &shape.app_client_id),
    ];
    let iot = [("iotUrl", &shape.iot_url), ("roleAlias", &shape.role_alias), ("thingName", &shape.thing_name)];
    let is_cognito = cognito.iter().any(|(_, key)| !key.is_absent()) || !shape.password.is_absent();
    let is_iot = iot.iter().any(|(_, key)| !key.is_absent()) || !shape.certificate.is_absent();
    match (is_cognito, is_iot) {
        (true, false) => self::cognito(judge, id, shape, &cognito),
        (false, true) => self::iot(judge, id, shape, &iot),
        (true, true) => {
            judge.wrong(
                id,
                " mixes the keys of Cognito and of AWS IoT",
                "keep one kind, or leave `authentication` out",
            );
            None
        }
        (false, false) => {
            let hint = "Cognito: accountId, userPoolId, identityPoolId, appClientId, password\n\
                        AWS IoT: iotUrl, roleAlias, thingName, certificate\n\
                        the standard AWS credential chain: leave `authentication` out";
            judge.wrong(id, " says nothing", hint);
            None
        }
    }
}

fn cognito(
    judge: &mut Judge<'_>,
    id: usize,
    shape: &file::Authentication,
    keys: &[(&str, &Key<String>)],
) -> Option<SignIn> {
    missing(judge, id, keys, "Cognito");
    if !shape.password.is_absent() && !shape.password_file.is_absent() {
        judge.wrong(id, " has `password` and `password_file`", "keep one of them");
    }
    if let Some((id, account)) = shape.account_id.placed()
        && (account.len() != 12 || !account.chars().all(|c| c.is_ascii_digit()))
    {
        judge.wrong(id, &format!(" is `{account}`, which is no AWS account"), "it has 12 digits");
    }
    pool(judge, &shape.user_pool_id, '_', "user pool", "eu-central-1_AbCdEf123");
    pool(judge, &shape.identity_pool_id, ':', "identity pool", "eu-central-1:01234567-89ab-cdef-0123-456789abcdef");
    if let Some((id, password)) = shape.password.placed()
        && password.reveal().is_empty()
    {
        judge.wrong(id, " is empty", "leave the key out where the password comes from elsewhere");
    }
    let password = if !shape.password.is_absent() {
        PasswordSource::Config(judge.file(&shape.password))
    } else if let Some(path) = judge.text(&shape.password_file) {
        PasswordSource::File(judge.absolute(&path))
    } else {
        PasswordSource::Outside
    };
    Some(SignIn::Cognito(Cognito {
        account_id: judge.text(&shape.account_id)?,
        user_pool_id: judge.text(&shape.user_pool_id)?,
        identity_pool_id: judge.text(&shape.identity_pool_id)?,
        app_client_id: judge.text(&shape.app_client_id)?,
        password,
        sends_password: shape.auth_flow.get() == Some(&file::AuthFlow::Password),
    }))
}

/// A pool's id is its region, a sign, and a name: the two kinds are easily confused.
fn pool(judge: &mut Judge<'_>, key: &Key<String>, sign: char, kind: &str, example: &str) {
    let Some((id, text)) = key.placed() else { return };
    let is_one = text.split_once(sign).is_some_and(|(region, name)| {
        region.contains('-') && !region.contains([':', '_']) && !name.is_empty() && !name.contains(char::is_whitespace)
    });
    if !is_one && !text.trim().is_empty() {
        judge.wrong(id, &format!(" is `{text}`, which is no {kind}"), &format!("one looks like `{example}`"));
    }
}

fn iot(
    judge: &mut Judge<'_>,
    id: usize,
    shape: &file::Authentication,
    keys: &[(&str, &Key<String>)],
) -> Option<SignIn> {
    missing(judge, id, keys, "AWS IoT");
    let Some((certificate_id, certificate)) = shape.certificate.placed() else {
        if shape.certificate.is_absent() {
            judge.wrong(id, " has no `certificate`", "AWS IoT needs iotUrl, roleAlias, thingName and certificate");
        }
        return None;
    };
    let (certificate, key) = match certificate.0.as_slice() {
        [one] => (one, None),
        [one, key] => (one, Some(key)),
        other => {
            let says = format!(" has {} paths", other.len());
            judge.wrong(certificate_id, &says, "it is one path, or a list of the certificate's and the key's");
            return None;
        }
    };
    Some(SignIn::Iot(Iot {
        url: judge.text(&shape.iot_url)?,
        role_alias: judge.text(&shape.role_alias)?,
        thing_name: judge.text(&shape.thing_name)?,
        certificate: judge.absolute(certificate),
        key: key.map(|path| judge.absolute(path)),
    }))
}

/// Notes, in one problem, the keys that the kind needs and that are not there.
fn missing(judge: &mut Judge<'_>, id: usize, keys: &[(&str, &Key<String>)], kind: &str) {
    let absent: Vec<String> =
        keys.iter().filter(|(_, key)| key.is_absent()).map(|(name, _)| format!("`{name}`")).collect();
    if !absent.is_empty() {
        let all = keys.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
        judge.wrong(id, &format!(" has no {}", absent.join(", ")), &format!("{kind} needs {all}"));
    }
}
