//! Mounts the page.

fn main() {
    yew::Renderer::<porthole_web::app::App>::new().render();
}
