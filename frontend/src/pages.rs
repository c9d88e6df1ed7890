//! Where contexts meet components.

pub mod add_archive;
pub mod change_limits;
pub mod commit;
pub mod image;
pub mod images;
pub mod inspector;
pub mod join;
pub mod launch_any;
pub mod layers;
pub mod lifetime;
pub mod not_found;
pub mod ports;
pub mod put_files;
pub mod recordings;
pub mod replay;
pub mod session_bar;
pub mod share;
pub mod sidebar;
pub mod stage;
pub mod terminal_head;
pub mod workspace;
