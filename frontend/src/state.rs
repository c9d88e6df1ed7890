//! What the page knows: pure reducers, one for each rate of change, and the words it shows.

pub mod attachments;
pub mod commands;
pub mod company;
pub mod connection;
pub mod few;
pub mod files;
pub mod format;
pub mod glossary;
pub mod kernel;
pub mod launch_form;
pub mod layout;
pub mod lists;
pub mod meters;
pub mod names;
pub mod preview;
pub mod remote;
pub mod rows;
pub mod sending;
pub mod sharing;
pub mod shortcuts;
pub mod stack;
pub mod tabs;
pub mod timeline;
pub mod toasts;
pub mod transfers;
pub mod units;
