use super::*;

fn place(process: ProcessNumber) -> Place {
    Place { container: ContainerId::from_random([1; 6]), process }
}

fn three() -> Tabs {
    (0..3).fold(Tabs::default(), |tabs, n| tabs.after(TabsAction::Open(Origin::Process(place(n)))))
}

#[test]
fn opening_shows_the_new_tab_and_an_open_process_only_once() {
    let tabs = three();
    assert_eq!((tabs.all.len(), tabs.active), (3, Some(3)));
    let again = tabs.after(TabsAction::Open(Origin::Process(place(0))));
    assert_eq!((again.all.len(), again.active), (3, Some(1)));
}

#[test]
fn stepping_goes_round_both_ways() {
    let tabs = three();
    assert_eq!(tabs.after(TabsAction::Step { backwards: false }).active, Some(1));
    assert_eq!(tabs.after(TabsAction::Step { backwards: true }).active, Some(2));
    assert_eq!(Tabs::default().after(TabsAction::Step { backwards: true }).active, None);
}

#[test]
fn closing_shows_the_neighbour_and_keys_are_never_reused() {
    let tabs = three().after(TabsAction::Select(2)).after(TabsAction::Close(2));
    assert_eq!(tabs.active, Some(3));
    let tabs = tabs.after(TabsAction::Close(3));
    assert_eq!(tabs.active, Some(1));
    let tabs = tabs.after(TabsAction::Open(Origin::image("busybox".into())));
    assert_eq!(tabs.active, Some(4));
}

#[test]
fn closing_a_tab_in_the_background_leaves_the_shown_one() {
    assert_eq!(three().after(TabsAction::Close(1)).active, Some(3));
}

#[test]
fn a_launched_tab_learns_its_place() {
    let tabs = Tabs::default().after(TabsAction::Open(Origin::image("busybox".into())));
    assert_eq!(tabs.all[0].container(), None);
    let tabs = tabs.after(TabsAction::Attached(1, place(0)));
    assert_eq!((tabs.all[0].container(), &tabs.all[0].status), (Some(&place(0).container), &Status::Live));
}

fn split(tabs: &Tabs, process: ProcessNumber, axis: Axis) -> Tabs {
    tabs.after(TabsAction::Split(Origin::Process(place(process)), axis))
}

fn panes(tabs: &Tabs) -> Vec<Vec<TabKey>> {
    tabs.groups.iter().map(|group| group.tree.panes()).collect()
}

#[test]
fn a_split_is_beside_the_active_terminal_and_has_the_keyboard() {
    let tabs = split(&three().after(TabsAction::Select(2)), 7, Axis::Row);
    assert_eq!((panes(&tabs), tabs.active), (vec![vec![1], vec![2, 4], vec![3]], Some(4)));
    assert_eq!(split(&Tabs::default(), 7, Axis::Row).groups.len(), 1, "beside nothing it is a tab");
}

#[test]
fn closing_one_of_several_merges_its_place_and_shows_its_neighbour() {
    let tabs = split(&three().after(TabsAction::Select(2)), 7, Axis::Row).after(TabsAction::Close(4));
    assert_eq!((panes(&tabs), tabs.active), (vec![vec![1], vec![2], vec![3]], Some(2)));
}

#[test]
fn a_tab_shows_the_terminal_that_had_the_keyboard_last() {
    let tabs = split(&three(), 7, Axis::Column).after(TabsAction::Select(3)).after(TabsAction::Select(1));
    assert_eq!(tabs.groups[2].front, 3);
    assert_eq!(tabs.after(TabsAction::Step { backwards: true }).active, Some(4));
}

#[test]
fn a_terminal_leaves_its_tab_for_one_of_its_own() {
    let tabs = split(&three().after(TabsAction::Select(1)), 7, Axis::Row).after(TabsAction::Part);
    assert_eq!((panes(&tabs), tabs.active), (vec![vec![1], vec![4], vec![2], vec![3]], Some(4)));
    assert_eq!(tabs.after(TabsAction::Part), tabs, "alone already");
}

#[test]
fn a_terminal_is_brought_into_another_tab_beside_the_one_that_is_named() {
    let tabs = split(&three().after(TabsAction::Select(1)), 7, Axis::Column);
    assert_eq!(panes(&tabs), [vec![1, 4], vec![2], vec![3]]);
    let tabs = tabs.after(TabsAction::Bring(4, 3));
    assert_eq!((panes(&tabs), tabs.active), (vec![vec![1], vec![2], vec![3, 4]], Some(4)));
    let tabs = tabs.after(TabsAction::Bring(1, 4));
    assert_eq!(panes(&tabs), [vec![2], vec![3, 4, 1]], "the last one takes its tab along");
    for nothing in [TabsAction::Bring(3, 4), TabsAction::Bring(3, 99), TabsAction::Bring(99, 3)] {
        assert_eq!(tabs.after(nothing), tabs);
    }
}

#[test]
fn tabs_change_places_by_pointer_and_by_key() {
    let tabs = three().after(TabsAction::Move(3, 1));
    assert_eq!(panes(&tabs), [[3], [1], [2]]);
    let tabs = tabs.after(TabsAction::Shift { backwards: false });
    assert_eq!((panes(&tabs), tabs.active), (vec![vec![1], vec![3], vec![2]], Some(3)));
    let first = three().after(TabsAction::Select(1));
    assert_eq!(
        first.after(TabsAction::Shift { backwards: true }),
        first,
        "there is nothing before the first"
    );
}

#[test]
fn everything_is_as_it_was_after_a_reload() {
    let tabs = split(&three().after(TabsAction::Select(2)), 7, Axis::Column)
        .after(TabsAction::Divide(0, 3_000))
        .after(TabsAction::Rename(3, "logs".into()))
        .after(TabsAction::Select(2));
    let again = Tabs::default().after(TabsAction::Restore(tabs.kept(), Vec::new()));
    assert_eq!(again.kept(), tabs.kept());
    let elsewhere = tabs.after(TabsAction::Select(4)).after(TabsAction::Select(1));
    let again = Tabs::default().after(TabsAction::Restore(elsewhere.kept(), Vec::new()));
    assert_eq!(again.kept(), elsewhere.kept(), "each tab shows the terminal that it showed");
    let again = Tabs::default().after(TabsAction::Restore(tabs.kept(), Vec::new()));
    assert_eq!(again.shown().and_then(|tab| tab.place.clone()), Some(place(1)));
    assert_eq!(again.groups.iter().map(|group| group.tree.panes().len()).collect::<Vec<_>>(), [1, 2, 1]);
}

#[test]
fn what_is_gone_does_not_come_back() {
    let tabs = split(&three(), 7, Axis::Row);
    let again = Tabs::default().after(TabsAction::Restore(tabs.kept(), vec![place(2), place(0)]));
    let left: Vec<_> = again.all.iter().filter_map(|tab| tab.place.clone()).collect();
    assert_eq!((left, again.groups.len()), (vec![place(1), place(7)], 2));
}

#[test]
fn what_never_came_to_be_is_not_remembered() {
    let tabs = three().after(TabsAction::Split(Origin::image("busybox".into()), Axis::Row));
    assert_eq!(tabs.kept().len(), 3);
    let broken = vec![(place(0).container, 0, 2, String::new(), vec![5_000])];
    assert_eq!(Tabs::default().after(TabsAction::Restore(broken, Vec::new())).all, [], "half a split");
}
