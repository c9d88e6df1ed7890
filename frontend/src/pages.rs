//! Where contexts meet components.

pub mod image;
pub mod images;
pub mod inspector;
pub mod not_found;
pub mod sidebar;
pub mod stage;
pub mod workspace;
