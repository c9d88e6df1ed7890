//! What the page is made of: parts with hooks of their own.
//!
//! To Yew they are all one component. For each component it makes some four kilobytes of code; for each part, a table of two
//! functions (docs/adr/0022-one-component.md).

use std::any::Any;
use std::rc::Rc;

use yew::functional::{Hook, HookContext};
use yew::prelude::*;
use yew::virtual_dom::{Key, VComp};

/// Draws a part from what it is about.
type Draw<P> = fn(&P, &mut HookContext) -> Html;

trait Body {
    fn draw(&self, hooks: &mut HookContext) -> Html;
    fn props(&self) -> &dyn Any;
    fn is_same(&self, other: &dyn Any) -> bool;
}

struct Of<P> {
    props: P,
    draw: Draw<P>,
}

impl<P: PartialEq + 'static> Body for Of<P> {
    fn draw(&self, hooks: &mut HookContext) -> Html {
        (self.draw)(&self.props, hooks)
    }

    fn props(&self) -> &dyn Any {
        &self.props
    }

    fn is_same(&self, other: &dyn Any) -> bool {
        other.downcast_ref() == Some(&self.props)
    }
}

#[derive(Properties)]
struct Props {
    body: Rc<dyn Body>,
}

impl PartialEq for Props {
    fn eq(&self, other: &Self) -> bool {
        self.body.is_same(other.body.props())
    }
}

struct Drawing(Rc<dyn Body>);

impl Hook for Drawing {
    type Output = Html;

    fn run(self, hooks: &mut HookContext) -> Html {
        self.0.draw(hooks)
    }
}

fn use_body(body: &Rc<dyn Body>) -> Drawing {
    Drawing(body.clone())
}

#[component]
fn Part(props: &Props) -> Html {
    use_body(&props.body)
}

/// A part of the page. It is drawn anew when what it is about has changed, or its state has; it is another one, with a state of
/// its own, when `key` is another, or `draw`.
pub fn part<P: PartialEq + 'static>(key: &str, props: P, draw: Draw<P>) -> Html {
    // Which part it is belongs into the key: to Yew, all of them are of one kind.
    let key = Key::from(format!("{} {key}", draw as usize));
    VComp::new::<Part>(Rc::new(Props { body: Rc::new(Of { props, draw }) }), Some(key)).into()
}
