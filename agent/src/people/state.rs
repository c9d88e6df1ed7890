//! Who is at a terminal, who may type, and whose size counts: pure.
//!
//! The size is that of one client, as with tmux's `window-size latest`: of the owner's clients the last one that typed or was
//! resized; where the owner is not there, the same of those who may type. Everybody else scales.

use std::collections::BTreeMap;

use porthole_protocol::ids::PersonId;
use porthole_protocol::session::{May, Person};
use porthole_protocol::spec::Size;

/// The people at one terminal.
#[derive(Debug)]
pub(super) struct State {
    /// By the order they came.
    seats: BTreeMap<u64, Place>,
    next_seat: u64,
    keyboard: Option<PersonId>,
    size: Size,
    /// Grows with everything that somebody does.
    turn: u64,
}

#[derive(Debug)]
struct Place {
    person: Person,
    /// The size of the client's own screen, once it was told.
    size: Option<Size>,
    /// When the client last typed or was resized.
    turn: u64,
}

impl State {
    pub(super) fn new(size: Size) -> Self {
        Self { seats: BTreeMap::new(), next_seat: 0, keyboard: None, size, turn: 0 }
    }

    pub(super) fn join(&mut self, person: Person) -> u64 {
        let id = self.next_seat;
        self.next_seat += 1;
        self.seats.insert(id, Place { person, size: None, turn: 0 });
        id
    }

    /// Frees the keyboard when its holder is gone.
    pub(super) fn leave(&mut self, seat: u64) {
        self.seats.remove(&seat);
        let is_here = |holder: &PersonId| self.seats.values().any(|place| place.person.id == *holder);
        self.keyboard = self.keyboard.filter(is_here);
    }

    /// Whether the keyboard could be handed so: to all, or to one who is here and may type.
    pub(super) fn hand(&mut self, holder: Option<PersonId>) -> bool {
        let can_hold = |holder: PersonId| {
            self.seats.values().any(|place| place.person.id == holder && place.person.may == May::Type)
        };
        let can = holder.is_none_or(can_hold);
        if can {
            self.keyboard = holder;
        }
        can
    }

    /// Whether the client may type; if so, it was the last to do something.
    pub(super) fn types(&mut self, seat: u64) -> bool {
        let Some(place) = self.seats.get_mut(&seat) else { return false };
        let may =
            place.person.may == May::Type && self.keyboard.is_none_or(|holder| holder == place.person.id);
        if may {
            self.turn += 1;
            place.turn = self.turn;
        }
        may
    }

    pub(super) fn resize(&mut self, seat: u64, size: Size) {
        if let Some(place) = self.seats.get_mut(&seat) {
            self.turn += 1;
            (place.size, place.turn) = (Some(size), self.turn);
        }
    }

    /// Takes the size that counts; answers it when it is another one.
    pub(super) fn settle(&mut self) -> Option<Size> {
        let owner_is_here = self.seats.values().any(|place| place.person.owner);
        let counts = |place: &&Place| match owner_is_here {
            true => place.person.owner,
            false => place.person.may == May::Type,
        };
        let last = self.seats.values().filter(counts).filter(|place| place.size.is_some());
        let size = last.max_by_key(|place| place.turn)?.size?;
        (size != self.size).then(|| {
            self.size = size;
            size
        })
    }

    /// Everybody, once each, in the order they came.
    pub(super) fn people(&self) -> Vec<Person> {
        let mut people: Vec<Person> = Vec::new();
        for place in self.seats.values() {
            if people.iter().all(|person| person.id != place.person.id) {
                people.push(place.person.clone());
            }
        }
        people
    }

    pub(super) fn keyboard(&self) -> Option<PersonId> {
        self.keyboard
    }

    pub(super) fn size(&self) -> Size {
        self.size
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn size(rows: u16) -> Size {
        Size { rows, cols: 80 }
    }

    fn person(id: PersonId, may: May, owner: bool) -> Person {
        Person { id, name: format!("p{id}"), may, owner }
    }

    #[test]
    fn the_owners_size_counts_while_the_owner_is_there() {
        let mut state = State::new(size(24));
        let guest = state.join(person(1, May::Type, false));
        state.resize(guest, size(30));
        assert_eq!(state.settle(), Some(size(30)), "alone, the guest's");
        let laptop = state.join(person(2, May::Type, true));
        assert_eq!(state.settle(), None, "it has not told one");
        state.resize(laptop, size(50));
        assert_eq!(state.settle(), Some(size(50)));
        state.resize(guest, size(10));
        assert!(state.types(guest));
        assert_eq!(state.settle(), None, "whatever the guest does");
        let phone = state.join(person(3, May::Type, true));
        state.resize(phone, size(20));
        assert_eq!(state.settle(), Some(size(20)), "the owner's last");
        assert!(state.types(laptop));
        assert_eq!(state.settle(), Some(size(50)), "who types there again");
        state.leave(laptop);
        assert_eq!(state.settle(), Some(size(20)));
        state.leave(phone);
        assert_eq!(state.settle(), Some(size(10)), "and the guest's when the owner has left");
    }

    #[test]
    fn who_only_watches_neither_types_nor_sets_a_size() {
        let mut state = State::new(size(24));
        let watcher = state.join(person(1, May::Watch, false));
        state.resize(watcher, size(9));
        assert_eq!((state.settle(), state.types(watcher)), (None, false));
        assert!(!state.hand(Some(1)));
    }

    #[test]
    fn the_keyboard_is_one_persons_until_it_is_taken_back_or_the_person_leaves() {
        let mut state = State::new(size(24));
        let owner = state.join(person(1, May::Type, true));
        let guest = state.join(person(2, May::Type, false));
        assert!(state.types(owner) && state.types(guest));
        assert!(state.hand(Some(2)));
        assert!(!state.types(owner) && state.types(guest));
        assert!(state.hand(Some(1)));
        assert!(state.types(owner) && !state.types(guest));
        assert!(!state.hand(Some(9)), "nobody");
        assert_eq!(state.keyboard(), Some(1));
        let second_tab = state.join(person(1, May::Type, true));
        state.leave(owner);
        assert_eq!(state.keyboard(), Some(1), "still here by another channel");
        state.leave(second_tab);
        assert_eq!(state.keyboard(), None);
        assert!(state.types(guest));
    }

    #[test]
    fn one_with_two_channels_is_one_person() {
        let mut state = State::new(size(24));
        state.join(person(1, May::Type, true));
        state.join(person(2, May::Watch, false));
        state.join(person(1, May::Type, true));
        assert_eq!(state.people().iter().map(|person| person.id).collect::<Vec<_>>(), [1, 2]);
    }
}
