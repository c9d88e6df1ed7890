use porthole_protocol::control::Stream;

use super::*;

const SIZE: Size = Size { rows: 24, cols: 80 };
const TYPIST: Typist = 7;

fn id() -> ContainerId {
    ContainerId::from_random([7; 6])
}

fn launch() -> Origin {
    Origin::image("busybox".into())
}

/// A channel of an agent that has accepted so many bytes from us, whose output ended at `end`.
fn counting(channel: Channel, offset: u64, input: u64, end: u64) -> Vec<OpenChannel> {
    let stream = Stream::Terminal;
    vec![OpenChannel { channel, stream, offset, input: Some(input), end: Some(end) }]
}

fn channel(channel: Channel, offset: u64) -> Vec<OpenChannel> {
    vec![OpenChannel { channel, stream: Stream::Terminal, offset, input: None, end: None }]
}

/// Tab 1, launched and attached on channel 5.
fn attached() -> Attachments {
    let mut page = Attachments::default();
    page.add(1, launch(), SIZE, true, TYPIST);
    page.attached(1, id(), 0, &channel(5, 0)).expect("request 1 was pending");
    page
}

#[test]
fn a_terminal_that_appears_before_the_connection_is_opened_when_it_is_live() {
    let mut page = Attachments::default();
    assert_eq!(page.add(1, launch(), SIZE, false, TYPIST), None);
    let sent = page.connected();
    assert!(matches!(&sent[..], [ClientMessage::Launch { request: 1, spec, .. }] if spec.image == "busybox"));
}

#[test]
fn after_a_reconnect_output_goes_on_at_the_next_byte() {
    let mut page = attached();
    assert_eq!(page.output(5, 1000), Some(1));
    assert_eq!(page.disconnected(), [(1, 0)]);
    let sent = page.connected();
    assert!(
        matches!(&sent[..], [ClientMessage::Attach { request: 2, from: Some(1000), process: 0, .. }]),
        "{sent:?}"
    );
    assert_eq!(page.attached(2, id(), 0, &channel(9, 1000)).map(|a| a.gap), Some(false));
}

#[test]
fn output_that_is_no_longer_kept_leaves_a_gap() {
    let mut page = attached();
    page.output(5, 1000);
    page.disconnected();
    page.connected();
    assert_eq!(page.attached(2, id(), 0, &channel(9, 5000)).map(|a| a.gap), Some(true));
}

#[test]
fn a_launch_without_an_answer_is_asked_for_again_by_the_same_typist() {
    let mut page = Attachments::default();
    let asked = page.add(1, launch(), SIZE, true, TYPIST);
    assert!(
        matches!(asked, Some(ClientMessage::Launch { request: 1, typist: Some(TYPIST), .. })),
        "{asked:?}"
    );
    assert_eq!(page.disconnected(), [(1, 0)]);
    let again = page.connected();
    assert!(
        matches!(&again[..], [ClientMessage::Launch { request: 2, typist: Some(TYPIST), .. }]),
        "{again:?}"
    );
    assert_eq!(page.attached(1, id(), 0, &channel(5, 0)), None, "the lost socket's request");
    assert!(page.attached(2, id(), 0, &channel(5, 0)).is_some());
}

#[test]
fn what_is_typed_without_a_connection_is_kept_and_sent_after_what_was_not_accepted() {
    let mut page = attached();
    assert_eq!(page.typed(1, b"abc"), Typed::Send(5, b"abc".to_vec()));
    assert_eq!(page.disconnected(), [(1, 3)]);
    assert_eq!(page.typed(1, b"de"), Typed::Kept(5));
    page.connected();
    let attached = page.attached(2, id(), 0, &counting(9, 0, 2, 0)).expect("request 2 was pending");
    assert_eq!(attached.input, (9, b"cde".to_vec()));
}

#[test]
fn no_more_is_kept_without_a_connection_than_a_person_types() {
    let mut page = attached();
    page.disconnected();
    assert_eq!(page.typed(1, &vec![b'x'; KEPT_INPUT_BYTES]), Typed::Kept(KEPT_INPUT_BYTES));
    assert_eq!(page.typed(1, b"y"), Typed::Dropped);
}

#[test]
fn what_was_printed_before_the_attach_is_old() {
    let mut page = Attachments::default();
    page.add(1, Origin::Process(Place { container: id(), process: 3 }), SIZE, true, TYPIST);
    let attached = page.attached(1, id(), 3, &counting(5, 100, 0, 350)).expect("request 1 was pending");
    assert_eq!((attached.old, attached.gap), (250, true), "and the first hundred bytes are gone");
    assert_eq!(attached.resize, Some(ClientMessage::Resize { channel: 5, size: SIZE }));
    assert_eq!(page.skipped(5, 300), Some((1, 50)), "and still is after a jump");
    assert_eq!(page.skipped(5, 400), Some((1, 0)));
}

#[test]
fn another_pages_size_is_followed_until_the_visitor_turns_to_this_one() {
    let mut page = attached();
    let (place, other) = (Place { container: id(), process: 0 }, Size { rows: 50, cols: 200 });
    assert_eq!(page.sized(&place, other, true), [(1, Some(other))]);
    let asked = page.focused(1);
    assert_eq!(asked, Some(ClientMessage::Resize { channel: 5, size: SIZE }));
    assert_eq!(page.sized(&place, other, true), [], "ours is on its way");
    assert_eq!(page.sized(&place, SIZE, true), [(1, None)]);
    assert_eq!(page.focused(1), None);
    page.sized(&place, other, true);
    page.disconnected();
    page.connected();
    let back = page.attached(2, id(), 0, &channel(5, 0)).expect("request 2 was pending");
    assert_eq!(back.resize, None, "the other page's size is not fought for");
    page.resized(1, other);
    assert_eq!(page.sized(&place, SIZE, false), [(1, Some(SIZE))], "a guest's wish counts for nothing");
}

#[test]
fn credit_is_granted_in_steps_and_for_exactly_what_was_drawn() {
    let mut page = attached();
    assert_eq!(page.rendered(1, CREDIT_STEP_BYTES - 1), None);
    assert_eq!(
        page.rendered(1, 11),
        Some(ClientMessage::Credit { channel: 5, bytes: CREDIT_STEP_BYTES + 10 })
    );
    assert_eq!(page.rendered(1, 1), None);
}

#[test]
fn credit_drawn_for_a_lost_connection_is_not_granted_to_the_next() {
    let mut page = attached();
    page.rendered(1, 1000);
    page.disconnected();
    page.connected();
    page.attached(2, id(), 0, &channel(9, 0));
    assert_eq!(page.rendered(1, CREDIT_STEP_BYTES - 1), None);
}

#[test]
fn a_process_that_ended_is_not_attached_again() {
    let mut page = attached();
    assert_eq!(page.exited(&id(), 0), [1]);
    page.disconnected();
    assert!(page.connected().is_empty());
}

#[test]
fn a_size_is_told_once() {
    let mut page = attached();
    let size = Size { rows: 30, cols: 100 };
    assert_eq!(page.resized(1, SIZE), None);
    assert_eq!(page.resized(1, size), Some(ClientMessage::Resize { channel: 5, size }));
    assert_eq!(page.resized(1, size), None);
}

#[test]
fn who_has_not_the_keyboard_types_nothing_not_even_for_later() {
    let mut page = attached();
    let place = Place { container: id(), process: 0 };
    page.let_type(&place, false);
    assert_eq!(page.typed(1, b"x"), Typed::Nobody);
    page.let_type(&place, true);
    assert_eq!(page.typed(1, b"y"), Typed::Send(5, b"y".to_vec()));
}

#[test]
fn a_closed_tab_stops_its_output_and_later_answers_find_nobody() {
    let mut page = attached();
    assert_eq!(page.remove(1), Some(ClientMessage::Detach { channel: 5 }));
    assert_eq!(page.output(5, 10), None);
    page.add(2, launch(), SIZE, true, TYPIST);
    assert_eq!(page.remove(2), Some(ClientMessage::CancelLaunch { launch: 2 }));
    assert_eq!(page.attached(2, id(), 0, &channel(6, 0)), None);
}

#[test]
fn a_huge_paste_is_sent_as_the_process_takes_it() {
    let mut page = attached();
    let sent = page.typed(1, &vec![b'x'; MAX_PENDING_INPUT + 10]);
    assert_eq!(sent, Typed::Send(5, vec![b'x'; MAX_PENDING_INPUT]));
    assert_eq!(page.typed(1, b"y"), Typed::Send(5, vec![]));
    assert_eq!(page.taken(5, 4), Some((5, b"xxxx".to_vec())));
    assert_eq!(page.taken(5, 1000), Some((5, b"xxxxxxy".to_vec())));
}

#[test]
fn what_is_typed_while_a_terminal_opens_is_sent_once_it_is_there() {
    let mut page = Attachments::default();
    page.add(1, launch(), SIZE, true, TYPIST);
    assert_eq!(page.typed(1, b"ls\r"), Typed::Kept(3));
    let attached = page.attached(1, id(), 0, &channel(5, 0));
    assert_eq!(attached.map(|it| it.input), Some((5, b"ls\r".to_vec())));
    assert_eq!(page.typed(1, b"x"), Typed::Send(5, b"x".to_vec()));
}

#[test]
fn a_launch_that_waits_is_given_up_by_its_button_and_by_closing_its_tab() {
    let mut page = Attachments::default();
    page.add(1, launch(), SIZE, true, TYPIST);
    assert_eq!((page.queued(1), page.queued(2)), (Some(1), None));
    let given_up = Some(ClientMessage::CancelLaunch { launch: 1 });
    assert_eq!(page.cancel_launch(1), given_up);
    assert_eq!(page.remove(1), given_up);
    assert_eq!(attached().cancel_launch(1), None, "one that has begun goes on");
}
