//! The rules of the contract as tables that a person of the business can read; see README.md.

mod keeper;
mod look;
mod runner;
mod script;
mod setup;
mod stage;
mod steps;
mod words;

/// One test for each table, named after its file.
macro_rules! tables {
    ($($name:ident,)+) => {
        $(#[test] fn $name() { runner::run(stringify!($name)); })+
        const LISTED: &[&str] = &[$(stringify!($name),)+];
    };
}

tables! {
    acquire_and_release,
    active_in_the_billing_period,
    active_in_the_billing_period_over_a_restart,
    base_licence_and_change_of_user_type,
    base_licence_free_before_reusable,
    base_licence_free_to_the_millisecond,
    base_licence_import_atomic_or_not,
    base_licence_locked_goes_back_to_its_user,
    base_licence_of_another_person_by_the_same_name,
    base_licence_of_ones_own_comes_back,
    base_licence_over_restarts,
    base_licence_reassigned_once_in_90_days,
    base_licence_taken_meanwhile,
    base_licence_to_be_active,
    base_licence_total_lowered,
    channels_absent_or_present,
    contingency_shrinks_at_once,
    denied_today_turns_at_local_midnight,
    every_reason_of_a_denial,
    every_user_type_on_its_devices,
    every_way_to_leave,
    feature_taken_away_and_added,
    fixed_seat_is_its_owners,
    fixed_seats_are_assigned,
    grace_after_unclean_ends_only,
    grace_is_at_most_the_organisations,
    grace_runs_out,
    granted_out_of_catalogue_order,
    intervals_after_a_clock_was_far_ahead,
    intervals_and_a_clock_that_steps,
    intervals_and_lowered_totals,
    intervals_no_dip_inside_a_decision,
    intervals_of_a_name_that_came_and_went,
    intervals_of_fixed_seats,
    intervals_only_of_types_that_somebody_has,
    intervals_over_a_restart_on_the_boundary,
    intervals_over_a_restart_within,
    intervals_peak_and_low_are_exact,
    intervals_while_the_broker_is_down,
    log_off_lost_to_a_setting,
    log_off_missed_over_two_restarts,
    log_off_missed_while_down,
    log_off_of_a_login_after_it,
    login_decided_after_its_socket_died,
    logon_sources,
    lowered_totals_over_allocate,
    maximum_only_by_new_holders,
    month_and_clock_changes,
    month_bills_the_highest_totals,
    month_is_not_begun_twice,
    month_maximum_when_and_by_whom,
    month_prices,
    month_that_is_closed_never_changes,
    month_turns_in_the_organisations_zone,
    month_turns_while_the_broker_is_down,
    month_whose_first_midnight_is_skipped,
    no_channel_applied_grants_the_seat,
    no_channel_leaves_no_trace,
    nothing_is_recorded_after_the_removal,
    one_holder_on_two_devices,
    partial_login,
    reasons_in_the_log,
    rebuild_grants_a_holder_anew,
    rebuild_keeps_live_sockets,
    records_never_go_backwards,
    refusals_of_the_user,
    refused_wait_loses_a_denial,
    restart_never_before_the_last_record,
    restart_over_the_turn_of_a_month,
    restart_with_grace,
    restart_without_grace,
    resume_continues_the_session,
    resume_that_fails,
    resume_while_the_old_socket_seems_alive,
    scheduled_log_off,
    scheduled_log_off_and_clock_changes,
    scheduled_log_off_set_moved_and_ended,
    seat_concurrent_then_contingency_then_refused,
    seat_with_zero_totals,
    takeover_and_places_in_a_queue,
    takeover_of_a_lingering_place,
    takeover_of_a_lingering_session,
    takeover_of_fixed_seats,
    takeover_passes_over_what_both_have,
    takeover_refused_leaves_the_old,
    takeover_that_wants_less,
    takeover_that_wants_more,
    user_changed_suspended_deleted,
    waiting_behind_an_excess,
    waiting_does_not_queue_what_was_not_bought,
    waiting_in_order,
    waiting_is_bounded,
    waiting_lingering_passed_over,
    waiting_return_finds_it_free,
    waiting_served_when_totals_rise,
    waiting_sessions_of_a_holder_share,
    waiting_withdrawn_and_repeated,
    worked_example_of_licence_usage,
    worked_example_of_organisation_licence_usage,
    zone_change_keeps_the_month,
}

#[test]
fn every_table_on_disk_is_played() {
    let mut on_disk: Vec<String> = std::fs::read_dir(runner::tables())
        .expect("the folder of the tables")
        .map(|entry| entry.expect("an entry of the folder").path())
        .map(|path| path.file_stem().expect("a file has a name").to_string_lossy().into_owned())
        .collect();
    on_disk.sort_unstable();
    assert_eq!(on_disk, LISTED);
}

#[test]
fn a_line_that_cannot_be_read_is_named_by_its_number() {
    let faults = runner::play("title: a\norganisation 1 UTC\n\nbuy nothing\n2026-01-01 09:00 tick");
    assert_eq!(faults.len(), 1);
    assert_eq!(faults[0].0, 4);
    let unknown = runner::play("title: a\norganisation 1 UTC\n2026-01-01 09:00 a desk login");
    assert_eq!(unknown, [(3, "`desk` is no device".to_owned())]);
}

#[test]
fn a_table_that_is_wrong_says_what_was_expected_and_what_came() {
    let table = "title: a\norganisation 1 UTC\nbought inbound_agent base 1\nuser a inbound_agent\n\
                 2026-01-01 09:00 a deskphone login -> nothing\nthen counts inbound_agent holders 7\n\
                 then usage\n| Acquired";
    let faults = runner::play(table);
    let numbers: Vec<usize> = faults.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, [5, 6, 7]);
    let first = &faults[0].1;
    assert!(first.contains("expected: nothing") && first.contains("actual:   refused"), "{first}");
}
