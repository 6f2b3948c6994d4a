use super::*;

const ORG: u64 = 9001;
const SEAT: &str = "inbound_agent";
const EMAIL: &str = "agent_email";

fn auditor(seats: u64) -> Auditor {
    let mut auditor = Auditor::default();
    auditor.bought(ORG, SEAT, Bought::Holders(seats));
    auditor.bought(ORG, EMAIL, Bought::Holders(seats));
    auditor
}

/// The user logs in and is granted the seat.
fn logs_in(auditor: &mut Auditor, user: &str) -> SessionId {
    let session = auditor.begun(ORG, user);
    let login = auditor.asking();
    auditor.granted(session, [SEAT]);
    auditor.answered(session, login);
    session
}

/// A request, answered.
fn proves(auditor: &mut Auditor, session: SessionId) {
    let asked = auditor.asking();
    auditor.answered(session, asked);
}

fn prove_all<const N: usize>(auditor: &mut Auditor, sessions: [SessionId; N]) {
    for session in sessions {
        proves(auditor, session);
    }
}

fn peak_of(auditor: &Auditor, licence: &str) -> u64 {
    let verdict = auditor.verdict();
    let of_licence = |pool: &&PoolPeak| pool.licence == licence;
    verdict.pools.iter().find(of_licence).expect("a pool").peak_holders
}

#[test]
fn one_holder_more_than_bought_is_a_violation_that_names_the_last_comer() {
    let mut auditor = auditor(2);
    let sessions = ["ann", "ben", "cat"].map(|user| logs_in(&mut auditor, user));
    prove_all(&mut auditor, sessions);
    let verdict = auditor.verdict();
    assert!(!verdict.passed());
    let expected = Violation {
        organisation: ORG,
        licence: SEAT.to_owned(),
        bought: Some(2),
        peak_holders: 3,
        users: vec!["cat".to_owned()],
    };
    assert_eq!(verdict.violations, [expected]);
}

#[test]
fn as_many_holders_as_bought_pass() {
    let mut auditor = auditor(3);
    let sessions = ["ann", "ben", "cat"].map(|user| logs_in(&mut auditor, user));
    prove_all(&mut auditor, sessions);
    let verdict = auditor.verdict();
    assert!(verdict.passed());
    assert_eq!((verdict.holds, verdict.proven), (3, 3));
    assert_eq!(peak_of(&auditor, SEAT), 3);
}

#[test]
fn a_violation_stays_after_everybody_has_left() {
    let mut auditor = auditor(1);
    let sessions = ["ann", "ben"].map(|user| logs_in(&mut auditor, user));
    for session in sessions {
        proves(&mut auditor, session);
        auditor.ended(session);
    }
    assert_eq!(auditor.verdict().violations.len(), 1);
}

#[test]
fn nothing_bought_and_one_holder_is_a_violation() {
    let mut auditor = auditor(0);
    let session = logs_in(&mut auditor, "ann");
    proves(&mut auditor, session);
    assert_eq!(auditor.verdict().violations[0].peak_holders, 1);
}

#[test]
fn instances_of_one_user_on_several_devices_count_once() {
    let mut auditor = auditor(1);
    let desktop = logs_in(&mut auditor, "ann");
    let deskphone = logs_in(&mut auditor, "ann");
    proves(&mut auditor, desktop);
    proves(&mut auditor, deskphone);
    assert!(auditor.verdict().passed());
    assert_eq!(peak_of(&auditor, SEAT), 1);
}

#[test]
fn a_user_holds_until_the_last_instance_is_gone() {
    let mut auditor = auditor(1);
    let desktop = logs_in(&mut auditor, "ann");
    let deskphone = logs_in(&mut auditor, "ann");
    proves(&mut auditor, desktop);
    auditor.ended(desktop);
    let other = logs_in(&mut auditor, "ben");
    proves(&mut auditor, other);
    proves(&mut auditor, deskphone);
    assert!(!auditor.verdict().passed());
}

#[test]
fn equal_names_in_two_organisations_are_two_users_of_two_pools() {
    let mut auditor = auditor(1);
    auditor.bought(7, SEAT, Bought::Holders(1));
    let here = logs_in(&mut auditor, "ann");
    let there = auditor.begun(7, "ann");
    auditor.granted(there, [SEAT]);
    proves(&mut auditor, here);
    proves(&mut auditor, there);
    let verdict = auditor.verdict();
    assert!(verdict.passed());
    assert_eq!(verdict.proven, 2);
}

#[test]
fn what_one_released_another_may_have() {
    let mut auditor = auditor(1);
    let first = auditor.begun(ORG, "ann");
    auditor.granted(first, [SEAT, EMAIL]);
    proves(&mut auditor, first);
    let asked = auditor.asking();
    let second = auditor.begun(ORG, "ben");
    auditor.granted(second, [EMAIL]);
    proves(&mut auditor, second);
    auditor.released(first, [EMAIL]);
    auditor.answered(first, asked);
    proves(&mut auditor, first);
    assert!(auditor.verdict().passed());
    assert_eq!(peak_of(&auditor, EMAIL), 1);
}

#[test]
fn what_was_granted_to_another_before_the_release_was_asked_is_a_violation() {
    let mut auditor = auditor(1);
    let first = logs_in(&mut auditor, "ann");
    let second = logs_in(&mut auditor, "ben");
    proves(&mut auditor, first);
    proves(&mut auditor, second);
    auditor.released(first, [SEAT]);
    assert!(!auditor.verdict().passed());
}

#[test]
fn a_release_of_one_licence_leaves_the_others_held() {
    let mut auditor = auditor(1);
    let first = auditor.begun(ORG, "ann");
    auditor.granted(first, [SEAT, EMAIL]);
    auditor.released(first, [EMAIL]);
    let second = logs_in(&mut auditor, "ben");
    proves(&mut auditor, second);
    proves(&mut auditor, first);
    let licences: Vec<_> = auditor.verdict().violations.into_iter().map(|v| v.licence).collect();
    assert_eq!(licences, [SEAT]);
}

#[test]
fn a_licence_counts_as_released_from_the_moment_the_client_starts_to_leave() {
    let mut auditor = auditor(1);
    let first = logs_in(&mut auditor, "ann");
    let logout = auditor.asking();
    let second = logs_in(&mut auditor, "ben");
    proves(&mut auditor, second);
    auditor.answered(first, logout);
    auditor.ended(first);
    assert!(auditor.verdict().passed());
}

#[test]
fn a_logout_proves_the_hold_until_it_was_sent() {
    let mut auditor = auditor(1);
    let sessions = ["ann", "ben"].map(|user| logs_in(&mut auditor, user));
    for session in sessions {
        let logout = auditor.asking();
        auditor.answered(session, logout);
        auditor.ended(session);
    }
    assert_eq!(auditor.verdict().violations[0].peak_holders, 2);
}

/// The broker ended a session and granted its licence anew; the new grant arrived first.
#[test]
fn a_close_that_arrives_late_is_no_false_alarm() {
    let mut auditor = auditor(1);
    let lost = logs_in(&mut auditor, "ann");
    proves(&mut auditor, lost);
    let unanswered = auditor.asking();
    let successor = logs_in(&mut auditor, "ben");
    proves(&mut auditor, successor);
    auditor.ended(lost);
    auditor.answered(lost, unanswered);
    assert!(auditor.verdict().passed());
}

#[test]
fn a_takeover_keeps_one_holder_and_the_late_close_of_the_old_session_changes_nothing() {
    let mut auditor = auditor(1);
    let old = logs_in(&mut auditor, "ann");
    proves(&mut auditor, old);
    let new = logs_in(&mut auditor, "ann");
    proves(&mut auditor, new);
    let logout = auditor.asking();
    auditor.answered(new, logout);
    auditor.ended(new);
    let next = logs_in(&mut auditor, "ben");
    proves(&mut auditor, next);
    auditor.ended(old);
    assert!(auditor.verdict().passed());
    assert_eq!(peak_of(&auditor, SEAT), 1);
}

#[test]
fn a_grant_to_another_while_a_taken_over_licence_is_held_is_a_violation() {
    let mut auditor = auditor(1);
    let old = logs_in(&mut auditor, "ann");
    let new = logs_in(&mut auditor, "ann");
    auditor.ended(old);
    let other = logs_in(&mut auditor, "ben");
    proves(&mut auditor, other);
    proves(&mut auditor, new);
    assert!(!auditor.verdict().passed());
}

#[test]
fn a_grant_after_waiting_counts_like_any_other() {
    let mut auditor = auditor(1);
    let sessions = ["ann", "ben"].map(|user| logs_in(&mut auditor, user));
    auditor.granted(sessions[1], [EMAIL]);
    auditor.granted(sessions[0], [EMAIL]);
    prove_all(&mut auditor, sessions);
    assert_eq!(auditor.verdict().violations.len(), 2);
}

#[test]
fn a_grant_that_is_told_twice_is_one_hold() {
    let mut auditor = auditor(1);
    let session = logs_in(&mut auditor, "ann");
    auditor.granted(session, [SEAT]);
    proves(&mut auditor, session);
    let verdict = auditor.verdict();
    assert_eq!((verdict.holds, verdict.proven), (1, 1));
}

#[test]
fn what_a_session_is_told_after_its_end_does_not_count() {
    let mut auditor = auditor(0);
    let session = auditor.begun(ORG, "ann");
    auditor.ended(session);
    auditor.granted(session, [SEAT]);
    proves(&mut auditor, session);
    let verdict = auditor.verdict();
    assert!(verdict.passed());
    assert_eq!(verdict.holds, 0);
}

#[test]
fn types_of_other_models_are_not_counted() {
    let mut auditor = auditor(1);
    auditor.bought(ORG, "uc_user", Bought::Uncounted);
    for user in ["ann", "ben"] {
        let session = auditor.begun(ORG, user);
        auditor.granted(session, ["uc_user"]);
        proves(&mut auditor, session);
    }
    let verdict = auditor.verdict();
    assert!(verdict.passed());
    assert_eq!(verdict.holds, 0);
}

#[test]
fn a_type_that_the_list_does_not_have_is_a_violation() {
    let mut auditor = auditor(1);
    let session = auditor.begun(ORG, "ann");
    auditor.granted(session, ["invented"]);
    let violation = &auditor.verdict().violations[0];
    assert_eq!((violation.licence.as_str(), violation.bought), ("invented", None));
}

#[test]
fn an_audit_that_could_prove_nothing_does_not_pass() {
    let mut auditor = auditor(1);
    let session = logs_in(&mut auditor, "ann");
    auditor.ended(session);
    let verdict = auditor.verdict();
    assert!(verdict.violations.is_empty() && verdict.saw_nothing() && !verdict.passed());
}

#[test]
fn an_audit_without_a_single_grant_passes() {
    assert!(auditor(1).verdict().passed());
}

#[test]
fn ten_thousand_that_come_and_go_in_turn_never_exceed_one() {
    let mut auditor = auditor(1);
    for number in 0..10_000 {
        let session = logs_in(&mut auditor, &format!("agent-{number}"));
        let logout = auditor.asking();
        auditor.answered(session, logout);
        auditor.ended(session);
    }
    let verdict = auditor.verdict();
    assert!(verdict.passed());
    assert_eq!((verdict.proven, peak_of(&auditor, SEAT)), (10_000, 1));
}
