//! The organisation itself: its name, its zone, its schedule.

use super::audit::Subject;
use super::event::{Effects, Event};
use super::moment::{self, Moment};
use super::organisation::{Command, Organisation, Settings, day_after};
use super::reason::AuditAction;
use chrono::NaiveTime;
use chrono_tz::Tz;
use std::sync::Arc;

/// The organisation itself changes; `None` stays as it is.
#[derive(Clone, Debug, Default)]
pub struct ChangeSettings {
    /// Its name.
    pub name: Option<Arc<str>>,
    /// Its time zone.
    pub time_zone: Option<Tz>,
    /// The most seconds of grace; sessions that run keep theirs.
    pub max_grace_s: Option<u32>,
    /// The daily log-off; `Some(None)` ends it.
    pub scheduled_log_off: Option<Option<NaiveTime>>,
    /// The version that the change was made for, if whoever asks cares.
    pub expected_version: Option<u64>,
}

/// The settings changed since the version that was expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SettingsChanged;

impl Command for ChangeSettings {
    type Answer = Result<Settings, SettingsChanged>;

    fn decide(
        self,
        organisation: &mut Organisation,
        now: Moment,
        effects: &mut Effects,
    ) -> Self::Answer {
        let current = organisation.settings.version;
        if self.expected_version.is_some_and(|expected| expected != current) {
            return Err(SettingsChanged);
        }
        let version = organisation.next_sequence();
        let before = organisation.settings.clone();
        let settings = &mut organisation.settings;
        settings.version = version;
        settings.name = self.name.unwrap_or_else(|| settings.name.clone());
        settings.max_grace_s = self.max_grace_s.unwrap_or(settings.max_grace_s);
        let zone = self.time_zone.unwrap_or(settings.time_zone);
        let moved = std::mem::replace(&mut settings.time_zone, zone) != zone;
        settings.scheduled_log_off = self.scheduled_log_off.unwrap_or(settings.scheduled_log_off);
        let after = settings.clone();
        effects.events.push(Event::SettingsSaved(after.clone()));
        let (target, action) = (after.id.to_string(), AuditAction::OrganisationChanged);
        let (before, after) = (Subject::Settings(before), Subject::Settings(after));
        effects.audit(now, action, target, Some(before), Some(after));
        if moved {
            organisation.move_calendar(now, effects);
        }
        organisation.schedule_log_off(now);
        Ok(organisation.settings.clone())
    }
}

impl Organisation {
    /// Another time zone: its day ends at another time, and its month may be over. A month that has begun
    /// is not begun again: where the new zone is still in the one before, it goes on to its end there.
    fn move_calendar(&mut self, now: Moment, effects: &mut Effects) {
        let zone = self.settings.time_zone;
        self.day_ends_at = day_after(now.at, zone);
        self.month_ends_at = moment::end_of_month(self.month, zone);
        if self.month_ends_at <= now.at {
            self.month_ends_at = now.at;
        }
        self.turn_calendar(now.at, effects);
    }
}
