use porthole_protocol::control::Stream;

use super::*;

const SIZE: Size = Size { rows: 24, cols: 80 };

fn id() -> ContainerId {
    ContainerId::from_random([7; 6])
}

fn launch() -> Origin {
    Origin::image("busybox".into())
}

fn channel(channel: Channel, offset: u64) -> Vec<OpenChannel> {
    vec![OpenChannel { channel, stream: Stream::Terminal, offset, input: None, end: None }]
}

/// Tab 1, launched and attached on channel 5.
fn attached() -> Attachments {
    let mut page = Attachments::default();
    page.add(1, launch(), SIZE, true);
    page.attached(1, id(), 0, &channel(5, 0)).expect("request 1 was pending");
    page
}

#[test]
fn a_terminal_that_appears_before_the_connection_is_opened_when_it_is_live() {
    let mut page = Attachments::default();
    assert_eq!(page.add(1, launch(), SIZE, false), None);
    let sent = page.connected();
    assert!(matches!(&sent[..], [ClientMessage::Launch { request: 1, spec, .. }] if spec.image == "busybox"));
}

#[test]
fn after_a_reconnect_output_goes_on_at_the_next_byte() {
    let mut page = attached();
    assert_eq!(page.output(5, 1000), Some(1));
    assert!(page.disconnected().is_empty());
    assert_eq!(page.typed(1, b"lost"), None);
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
fn a_launch_without_an_answer_is_not_asked_for_twice() {
    let mut page = Attachments::default();
    page.add(1, launch(), SIZE, true);
    assert_eq!(page.disconnected(), [1]);
    assert!(page.connected().is_empty());
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
fn a_closed_tab_stops_its_output_and_later_answers_find_nobody() {
    let mut page = attached();
    assert_eq!(page.remove(1), Some(ClientMessage::Detach { channel: 5 }));
    assert_eq!(page.output(5, 10), None);
    page.add(2, launch(), SIZE, true);
    assert_eq!(page.remove(2), Some(ClientMessage::CancelLaunch { launch: 2 }));
    assert_eq!(page.attached(2, id(), 0, &channel(6, 0)), None);
}

#[test]
fn a_huge_paste_is_sent_as_the_process_takes_it() {
    let mut page = attached();
    let sent =
        page.typed(1, &vec![b'x'; MAX_PENDING_INPUT + 10]).map(|(channel, bytes)| (channel, bytes.len()));
    assert_eq!(sent, Some((5, MAX_PENDING_INPUT)));
    assert_eq!(page.typed(1, b"y"), Some((5, vec![])));
    assert_eq!(page.taken(5, 4), Some((5, b"xxxx".to_vec())));
    assert_eq!(page.taken(5, 1000), Some((5, b"xxxxxxy".to_vec())));
}

#[test]
fn what_is_typed_while_a_terminal_opens_is_sent_once_it_is_there() {
    let mut page = Attachments::default();
    page.add(1, launch(), SIZE, true);
    assert_eq!(page.typed(1, b"ls\r"), None);
    let attached = page.attached(1, id(), 0, &channel(5, 0));
    assert_eq!(attached.map(|it| it.input), Some((5, b"ls\r".to_vec())));
    assert_eq!(page.typed(1, b"x"), Some((5, b"x".to_vec())));
}

#[test]
fn a_launch_that_waits_is_given_up_by_its_button_and_by_closing_its_tab() {
    let mut page = Attachments::default();
    page.add(1, launch(), SIZE, true);
    assert_eq!((page.queued(1), page.queued(2)), (Some(1), None));
    let given_up = Some(ClientMessage::CancelLaunch { launch: 1 });
    assert_eq!(page.cancel_launch(1), given_up);
    assert_eq!(page.remove(1), given_up);
    assert_eq!(attached().cancel_launch(1), None, "one that has begun goes on");
}
