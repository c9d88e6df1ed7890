//! Properties in, callbacks out.

pub mod birth;
pub mod capabilities;
pub mod command;
pub mod compare;
pub mod connection_status;
pub mod container_list;
pub mod help_dialog;
pub mod icon;
pub mod image_list;
pub mod kernel_panel;
pub mod layers;
pub mod limits;
pub mod mounts;
pub mod processes;
pub mod section;
pub mod tab_bar;
pub mod terminal_find;
pub mod terminal_status;
pub mod terminal_view;
pub mod toast_viewer;
pub mod top_bar;
pub mod view_switch;
pub mod welcome;
