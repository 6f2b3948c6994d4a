//! What every store must do, run against each that there is, and what is peculiar to one of them.

mod accounts;
mod batches;
mod both;
mod by_user;
mod custom_reports;
mod exports;
mod faults;
mod fixture;
mod line;
mod logs;
mod months;
mod moving;
mod ownership;
mod postgres;
mod postgres_reads;
mod random;
mod reports;
mod restart;
mod round_trip;
mod sqlite;
mod successor;
mod year;

#[path = "../support/eventually.rs"]
#[allow(unreachable_pub, reason = "other suites use it too")]
mod eventually;
#[path = "../support/faulty_store.rs"]
#[allow(dead_code, unreachable_pub, reason = "other suites use the rest of it")]
mod faulty_store;

/// The tests of the topics against a backend.
macro_rules! conformance {
    ($module:ident, $backend:expr; $($topic:ident: $($name:ident),+;)+) => {
        mod $module {
            $(mod $topic {
                $(#[tokio::test]
                async fn $name() {
                    // Nothing where the machine lacks what it needs, which was said then.
                    let Some(backend) = $backend else { return };
                    crate::$topic::$name(&backend).await;
                })+
            })+
        }
    };
}

/// Runs the conformance suite against each backend: the same names and the same assertions for all.
macro_rules! on_each {
    ($($module:ident: $backend:expr;)+) => {
        $(conformance! {
            $module, $backend;
            round_trip:
                a_new_organisation_is_loaded_as_it_was_created,
                a_number_is_taken_while_its_organisation_exists,
                users_totals_and_settings_are_loaded_as_they_were_written,
                users_are_listed_in_the_order_of_their_creation,
                users_are_found_by_name_status_and_type,
                organisations_are_listed_page_by_page,
                open_sessions_are_loaded_with_what_they_hold_and_wait_for,
                what_a_session_gave_back_is_not_loaded;
            batches:
                a_session_that_ends_within_its_batch_leaves_only_its_records,
                a_place_given_up_and_taken_again_is_the_last_one,
                a_licence_given_back_and_acquired_again_is_held_anew,
                a_user_deleted_and_created_again_is_the_new_one,
                a_batch_is_applied_once,
                a_batch_that_skips_a_number_is_fenced,
                a_batch_for_an_organisation_that_is_not_there_is_fenced,
                one_fenced_batch_keeps_all_of_a_commit_out,
                batches_of_one_organisation_may_follow_each_other_in_one_commit,
                many_rows_of_every_kind_fit_into_one_commit;
            logs:
                usage_is_read_page_by_page_in_the_order_of_decisions,
                usage_can_be_filtered_by_every_field,
                denials_are_read_and_filtered,
                a_name_of_any_characters_is_kept_and_found,
                a_range_includes_its_beginning_and_excludes_its_end,
                the_source_of_a_release_is_named_by_its_reason;
            reports:
                five_minute_records_are_read_page_by_page_and_filtered,
                metrics_are_those_of_the_records_in_every_zone_and_at_every_cut,
                a_range_without_ends_is_that_of_the_records,
                demand_that_could_not_be_served_is_counted_by_type_and_hour,
                what_was_needed_is_what_was_held_and_denied_in_the_same_five_minutes,
                the_first_five_minutes_of_a_peak_are_found_within_its_hour;
            custom_reports:
                a_report_is_broken_down_by_the_calendar_of_the_zone,
                a_report_counts_filters_and_orders,
                every_field_and_metric_of_every_source_can_be_asked_for;
            by_user:
                a_users_records_are_the_same_while_their_index_is_written,
                what_is_forgotten_is_in_nobodys_answers;
            exports:
                an_export_says_what_the_pages_say,
                the_parts_of_an_export_make_up_the_whole,
                a_scribe_that_panics_fails_its_own_export_alone;
            restart:
                the_sequence_goes_on_though_what_bore_its_last_numbers_is_gone,
                the_months_maximum_is_the_greatest_and_begins_anew_with_the_month,
                denials_are_counted_from_local_midnight,
                the_last_sign_of_life_never_moves_backwards,
                what_was_kept_survives_reopening;
            months:
                a_month_counts_what_was_bought_from_when_it_was_begun,
                a_month_is_not_begun_twice_though_nothing_was_bought_in_the_one_before,
                the_month_in_which_an_organisation_was_created_stays_when_it_moves,
                people_by_one_name_who_are_deleted_at_one_instant_all_count,
                changes_of_one_name_are_kept_in_their_order_among_those_of_many;
            successor:
                a_removed_organisation_is_gone,
                a_successor_with_the_same_number_sees_nothing_of_it;
            accounts:
                an_account_is_read_as_it_was_created,
                a_login_name_is_taken_within_its_organisation_alone,
                accounts_are_listed_page_by_page,
                an_account_is_changed_only_in_the_version_that_is_expected,
                a_code_signs_in_once,
                of_many_sign_ins_at_once_one_code_lets_one_in,
                the_fifth_wrong_sign_in_locks_even_if_all_come_at_once,
                a_reset_unlocks_and_gives_what_it_was_asked_for,
                a_sign_in_that_was_held_against_old_credentials_is_refused,
                whose_user_is_not_active_does_not_get_in,
                a_later_organisation_with_the_same_number_has_none_of_the_accounts,
                every_change_of_an_account_is_in_the_audit_without_its_secrets,
                the_audit_is_read_page_by_page_and_filtered;
            random:
                an_organisation_is_restored_as_it_was_whatever_was_decided;
            faults:
                commits_wait_at_the_gate_and_are_counted,
                planned_faults_are_met_in_order,
                nothing_works_while_the_store_is_down;
        })+
    };
}

on_each! {
    on_sqlite: Some(crate::sqlite::SqliteBackend::new());
    on_postgres: crate::postgres::PostgresBackend::new().await;
    on_postgres_behind_a_pooler: crate::postgres::PostgresBackend::pooled().await;
}
