//! The fields of a user, whether they come as JSON or as CSV.

use super::body::{Fields, Invalid, check_text};
use crate::domain::catalogue::{Catalogue, Class};
use crate::domain::ids::{LicenceId, LicenceSet, UserName};
use crate::domain::provisioning::{UserDraft, UserPatch};
use crate::domain::reason::UserStatus;
use std::sync::Arc;

/// The longest login name and the longest display name, in characters.
pub(super) const USER_MAX_CHARS: usize = 128;
const NAME_MAX_CHARS: usize = 256;

/// A user as somebody wrote them: nothing checked, everything optional.
#[derive(Debug, Default)]
pub(super) struct RawUser<'a> {
    pub(super) user: Option<&'a str>,
    pub(super) name: Option<&'a str>,
    pub(super) status: Option<&'a str>,
    pub(super) user_type: Option<&'a str>,
    pub(super) features: Option<Vec<&'a str>>,
}

impl<'a> RawUser<'a> {
    pub(super) fn of(fields: &'a Fields) -> Result<Self, Invalid> {
        Ok(Self {
            user: fields.text("user")?,
            name: fields.text("name")?,
            status: fields.text("status")?,
            user_type: fields.text("user_type")?,
            features: fields.texts("features")?,
        })
    }

    /// All fields of a user: `user` and `user_type` must be there, `name` is the login name where it is
    /// not given, `status` is `active`, and there are no features.
    pub(super) fn draft(&self, catalogue: &Catalogue) -> Result<UserDraft, Invalid> {
        let user = login_name(self.user.ok_or_else(|| missing("user"))?)?;
        let patch = self.patch(catalogue)?;
        Ok(UserDraft {
            name: patch.name.unwrap_or_else(|| user.clone()),
            user,
            status: patch.status.unwrap_or(UserStatus::Active),
            user_type: patch.user_type.ok_or_else(|| missing("user_type"))?,
            features: patch.features.unwrap_or_default(),
        })
    }

    /// The fields that are there, apart from `user`.
    pub(super) fn patch(&self, catalogue: &Catalogue) -> Result<UserPatch, Invalid> {
        Ok(UserPatch {
            name: self.name.map(display_name).transpose()?,
            status: self.status.map(status).transpose()?,
            user_type: self.user_type.map(|key| user_type(key, catalogue)).transpose()?,
            features: self.features.as_deref().map(|keys| features(keys, catalogue)).transpose()?,
            synced: None,
        })
    }
}

fn missing(field: &str) -> Invalid {
    Invalid::new(field, "is missing")
}

fn login_name(text: &str) -> Result<UserName, Invalid> {
    check_text(text, 1, USER_MAX_CHARS).map_err(|reason| Invalid::new("user", reason))?;
    Ok(text.into())
}

fn display_name(text: &str) -> Result<Arc<str>, Invalid> {
    check_text(text, 0, NAME_MAX_CHARS).map_err(|reason| Invalid::new("name", reason))?;
    Ok(text.into())
}

fn status(word: &str) -> Result<UserStatus, Invalid> {
    UserStatus::from_word(word).ok_or_else(|| {
        let words: Vec<&str> = UserStatus::ALL.iter().map(|status| status.as_str()).collect();
        Invalid::new("status", format!("must be one of: {}", words.join(", ")))
    })
}

fn user_type(key: &str, catalogue: &Catalogue) -> Result<LicenceId, Invalid> {
    let is_user_type = |id: &LicenceId| catalogue.get(*id).class == Class::UserType;
    let complaint = || Invalid::new("user_type", format!("`{key}` is not a user type"));
    catalogue.find(key).filter(is_user_type).ok_or_else(complaint)
}

fn features(keys: &[&str], catalogue: &Catalogue) -> Result<LicenceSet, Invalid> {
    let is_for_users =
        |id: &LicenceId| matches!(catalogue.get(*id).class, Class::Feature | Class::Product);
    let find = |key: &&str| {
        let complaint =
            || Invalid::new("features", format!("`{key}` is not a service feature or product"));
        catalogue.find(key).filter(is_for_users).ok_or_else(complaint)
    };
    keys.iter().map(find).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue_file;
    use serde_json::{Value, json};

    fn draft(value: &Value) -> Result<UserDraft, String> {
        let fields = Fields::new(value.as_object().expect("an object").clone());
        let raw = RawUser::of(&fields).map_err(|invalid| invalid.field)?;
        raw.draft(&catalogue_file::built_in()).map_err(|invalid| invalid.field)
    }

    #[test]
    fn a_user_needs_a_login_name_and_a_type() {
        let draft = draft(&json!({"user": "edred", "user_type": "inbound_agent"})).expect("good");
        assert_eq!((&*draft.user, &*draft.name), ("edred", "edred"));
        assert_eq!((draft.status, draft.features), (UserStatus::Active, LicenceSet::EMPTY));
    }

    #[test]
    fn products_are_given_like_features_and_doubles_count_once() {
        let given = json!({"user": "edred", "user_type": "inbound_agent", "name": "",
            "features": ["view", "agent_email", "view"], "status": "pre_active"});
        let draft = draft(&given).expect("good");
        assert_eq!((draft.features.len(), &*draft.name), (2, ""));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (name, wrong) in [
            ("user", json!("")),
            ("user", json!("x".repeat(129))),
            ("user", json!("a\tb")),
            ("user", json!(7)),
            ("user", json!(null)),
            ("name", json!("x".repeat(257))),
            ("name", json!("a\u{0}")),
            ("status", json!("Active")),
            ("user_type", json!("agent_email")),
            ("user_type", json!("nobody")),
            ("features", json!(["inbound_agent"])),
            ("features", json!(["wallboard"])),
            ("features", json!(["agent_emial"])),
            ("features", json!("agent_email")),
            ("features", json!([7])),
        ] {
            let mut value = json!({"user": "edred", "user_type": "inbound_agent"});
            value[name] = wrong.clone();
            assert_eq!(draft(&value).expect_err("wrong"), name, "{wrong}");
        }
        assert_eq!(draft(&json!({"user": "edred"})).expect_err("no type"), "user_type");
        assert_eq!(draft(&json!({"user_type": "supervisor"})).expect_err("no name"), "user");
    }
}
