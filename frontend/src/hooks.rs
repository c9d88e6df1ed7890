//! Contexts, and effects that end with their component.

pub mod contexts;
pub mod use_files;
pub mod use_now;
pub mod use_remote;
pub mod use_route;
pub mod use_saved_tabs;
pub mod use_sending;
pub mod use_shortcuts;
pub mod use_task;
pub mod use_terminal;
pub mod use_theme;
