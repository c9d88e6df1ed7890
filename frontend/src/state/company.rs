//! Who is at a terminal, and who of them may type.

use porthole_protocol::ids::PersonId;
use porthole_protocol::session::{May, Opened, Person};
use porthole_protocol::spec::Size;

use super::fuzzy::is_of_word;

/// The people at one terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Company {
    /// All of them, in the order they came.
    pub people: Vec<Person>,
    /// Which of them is this page.
    pub you: PersonId,
    /// Who alone may type; everyone whose link allows it when missing.
    pub keyboard: Option<PersonId>,
    /// The terminal's size.
    pub size: Size,
}

impl Company {
    /// The person that this page is.
    #[must_use]
    pub fn me(&self) -> Option<&Person> {
        self.person(self.you)
    }

    /// Everyone else.
    pub fn others(&self) -> impl Iterator<Item = &Person> {
        self.people.iter().filter(|person| person.id != self.you)
    }

    /// Who alone may type. The owner's own page is not told that it holds what is its own.
    #[must_use]
    pub fn holder(&self) -> Option<&Person> {
        self.person(self.keyboard?)
    }

    /// Whether this person's keys reach the program now.
    #[must_use]
    pub fn types(&self, person: &Person) -> bool {
        let allowed = person.owner || person.may == May::Type;
        allowed && self.keyboard.is_none_or(|holder| holder == person.id)
    }

    /// Whether this page's keys do.
    #[must_use]
    pub fn i_type(&self) -> bool {
        self.me().is_none_or(|me| self.types(me))
    }

    fn person(&self, id: PersonId) -> Option<&Person> {
        self.people.iter().find(|person| person.id == id)
    }
}

/// What a person does here, for a sentence.
#[must_use]
pub fn doing(company: &Company, person: &Person) -> &'static str {
    match (company.types(person), company.keyboard) {
        (true, Some(_)) => "has the keyboard",
        (true, None) => "may type",
        (false, _) if person.owner || person.may == May::Type => "waits for the keyboard",
        (false, _) => "watches",
    }
}

/// What the visitor of somebody else's terminal is told: what it is, and who has the keyboard.
#[must_use]
pub fn told(company: Option<&Company>, opened: &Opened) -> String {
    let name = &opened.name;
    let i_type = company.is_some_and(Company::i_type);
    let mine = if i_type { format!("You type in {name}") } else { format!("Watching {name}") };
    let holder = company.and_then(|company| Some((company.holder()?, company.you)));
    match holder {
        Some((holder, you)) if holder.id != you => format!("{mine} · {} has the keyboard", holder.name),
        Some(_) => format!("{mine} · you have the keyboard"),
        None => mine,
    }
}

/// What stands for a name where there is room for two letters: those that its first two words begin with. The style sheet makes
/// them capitals.
#[must_use]
pub fn initials(name: &str) -> String {
    let words = name.split(|letter| !is_of_word(letter)).filter_map(|word| word.chars().next());
    let letters: String = words.take(2).collect();
    if letters.is_empty() { "?".into() } else { letters }
}

#[cfg(test)]
mod tests {
    use porthole_protocol::ids::ContainerId;

    use super::*;

    fn person(id: PersonId, name: &str, may: May, owner: bool) -> Person {
        Person { id, name: name.into(), may, owner }
    }

    fn company(you: PersonId, keyboard: Option<PersonId>) -> Company {
        let people = vec![
            person(1, "Ada Lovelace", May::Type, true),
            person(2, "Grace", May::Type, false),
            person(3, "calm_otter", May::Watch, false),
        ];
        Company { people, you, keyboard, size: Size::default() }
    }

    #[test]
    fn everyone_whose_link_allows_it_types_until_one_has_the_keyboard() {
        let all = |company: &Company| company.people.iter().map(|one| company.types(one)).collect::<Vec<_>>();
        assert_eq!(all(&company(1, None)), [true, true, false]);
        assert_eq!(all(&company(1, Some(2))), [false, true, false]);
        assert_eq!(all(&company(1, Some(3))), [false, false, false], "a link to watch types nothing");
        assert!(!company(3, None).i_type());
    }

    #[test]
    fn what_people_do_is_said_in_words() {
        let handed = company(1, Some(2));
        let words: Vec<_> = handed.people.iter().map(|one| doing(&handed, one)).collect();
        assert_eq!(words, ["waits for the keyboard", "has the keyboard", "watches"]);
        assert_eq!(doing(&company(1, None), &company(1, None).people[1]), "may type");
    }

    #[test]
    fn who_came_by_a_link_is_told_who_types() {
        let container = ContainerId::from_random([1; 6]);
        let opened =
            Opened { container, name: "calm_otter".into(), process: 0, may: May::Watch, expires_ms: None };
        let told = |you, keyboard| told(Some(&company(you, keyboard)), &opened);
        assert_eq!(told(3, Some(2)), "Watching calm_otter · Grace has the keyboard");
        assert_eq!(told(2, Some(2)), "You type in calm_otter · you have the keyboard");
        assert_eq!(told(2, None), "You type in calm_otter");
        assert_eq!(super::told(None, &opened), "Watching calm_otter");
    }

    #[test]
    fn initials_are_of_the_first_two_words_in_any_alphabet() {
        assert_eq!(
            ["Ada Lovelace", "calm_otter", "ünal", "", "李 小龙"].map(initials),
            ["AL", "co", "ü", "?", "李小"]
        );
    }
}
