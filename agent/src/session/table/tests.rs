use super::*;

const LIFE: u64 = 1000 * 3600;

fn table() -> Table {
    let settings = VisitorSettings {
        containers: 2,
        lifetime_ms: Some(LIFE),
        longest_ms: Some(3 * LIFE),
        sessions_per_address: 2,
        containers_per_address: 3,
        sessions: 3,
        ..VisitorSettings::default()
    };
    Table::new(Vec::new(), settings)
}

fn at(last: u8) -> AddressKey {
    AddressKey::of([192, 0, 2, last].into())
}

#[test]
fn a_session_is_found_by_its_secret_alone_until_it_is_over() {
    let mut table = table();
    let visitor = table.begin("id".into(), "secret", at(1), 0).unwrap();
    assert_eq!(table.find("secret", LIFE - 1).unwrap().id(), visitor.id());
    assert!(table.find("id", 0).is_none() && table.find(&hash("secret"), 0).is_none());
    assert!(table.find("secret", LIFE).is_none());
    assert_eq!(table.due(LIFE - 1), (vec![], Some(LIFE)));
    assert_eq!(table.due(LIFE), (vec!["id".into()], None));
    assert!(!format!("{:?}", table.kept()).contains("\"secret\""), "{:?}", table.kept());
}

#[test]
fn an_end_moves_as_far_as_it_may_and_never_back() {
    let mut table = table();
    table.begin("id".into(), "secret", at(1), 0).unwrap();
    let fresh = table.describe("id", 0).unwrap();
    assert_eq!((fresh.expires_ms, fresh.extends_to_ms), (Some(LIFE), None), "nothing to gain yet");
    let later = table.describe("id", LIFE / 2).unwrap();
    assert_eq!(later.extends_to_ms, Some(LIFE + LIFE / 2));
    for (now, end) in [(LIFE / 2, LIFE + LIFE / 2), (LIFE, 2 * LIFE), (2 * LIFE - 1, 3 * LIFE - 1)] {
        assert_eq!(table.extend("id", now).unwrap().expires_ms, Some(end));
    }
    assert_eq!(table.extend("id", LIFE).unwrap().expires_ms, Some(3 * LIFE - 1), "the clock went back");
    let last = table.extend("id", 3 * LIFE - 2).unwrap();
    assert_eq!((last.expires_ms, last.extends_to_ms), (Some(3 * LIFE), None));
    assert_eq!(last.ends_by_ms, last.expires_ms);
    assert_eq!(table.extend("id", 3 * LIFE), None, "what is over stays over");
}

#[test]
fn sessions_are_counted_in_all_and_by_address() {
    let mut table = table();
    table.begin("a".into(), "a", at(1), 0).unwrap();
    table.begin("b".into(), "b", at(1), 0).unwrap();
    assert_eq!(table.begin("c".into(), "c", at(1), 0).unwrap_err(), SessionError::TooManyFromAddress(2));
    table.begin("d".into(), "d", at(2), 0).unwrap();
    assert_eq!(table.begin("e".into(), "e", at(3), 0).unwrap_err(), SessionError::TooManySessions(3));
    table.forget("d");
    table.begin("e".into(), "e", at(3), 0).unwrap();
}

#[test]
fn containers_are_counted_by_session_and_by_address() {
    let mut table = table();
    table.begin("a".into(), "a", at(1), 0).unwrap();
    table.begin("b".into(), "b", at(1), 0).unwrap();
    table.take("a", 0, 0).unwrap();
    table.take("a", 0, 0).unwrap();
    assert_eq!(table.take("a", 0, 0), Err(SessionError::TooManyContainers(2)));
    table.take("b", 0, 0).unwrap();
    assert_eq!(table.take("b", 0, 0), Err(SessionError::TooManyContainersFromAddress(3)));
    table.release("a", 0);
    table.take("b", 0, 0).unwrap();
    table.release("b", 0);
    assert_eq!(table.take("b", 8, 0), Err(SessionError::TooManyEnded(8)));
    assert_eq!(table.take("b", 0, LIFE), Err(SessionError::Ended));
}

#[test]
fn every_change_is_told() {
    let mut table = table();
    table.begin("a".into(), "a", at(1), 0).unwrap();
    let mut news = table.subscribe("a").unwrap();
    table.take("a", 0, 0).unwrap();
    assert!(news.has_changed().unwrap());
    assert!(news.borrow_and_update().contains("\"containers\":1"));
    table.extend("a", 5000).unwrap();
    assert!(news.borrow_and_update().contains(&format!("\"expires_ms\":{}", LIFE + 5000)));
}

#[test]
fn a_session_that_is_being_ended_lets_nobody_in_and_is_not_kept() {
    let mut table = table();
    let visitor = table.begin("a".into(), "a", at(1), 0).unwrap();
    table.take("a", 0, 0).unwrap();
    table.end("a");
    assert!(visitor.ended().is_cancelled() && table.find("a", 0).is_none());
    assert_eq!((table.kept(), table.holds("a")), (vec![], true));
    table.release("a", 0);
    assert!(!table.holds("a"));
}
