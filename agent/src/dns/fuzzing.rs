//! See [`crate::fuzzing`].

use std::net::Ipv4Addr;

use super::message::{Code, Question};

/// What a container asks the name server: whatever is said to it is an answer to the very question, and no longer than that
/// and what was added.
pub fn name_query(query: &[u8]) {
    let question = match Question::read(query) {
        Ok(question) => question,
        Err(unreadable) => {
            let reply = unreadable.reply(query);
            assert!(reply.is_none_or(|reply| reply.len() == 12 && reply[..2] == query[..2]));
            return;
        }
    };
    let address = Ipv4Addr::new(10, 213, 1, 2);
    let name = question.name.clone();
    let _ = (question.reversed(), question.is_for_addresses(), question.is_for_name());
    for reply in
        [question.reply(Code::NoSuchName), question.addresses(&[address; 300]), question.pointer(&name)]
    {
        assert!(question.is_answered_by(&reply, question.id()));
        assert!(Question::read(&reply).is_err(), "an answer is no question");
    }
    // What somebody outside answers is as much a stranger's.
    let _ = question.is_answered_by(query, question.id());
}
