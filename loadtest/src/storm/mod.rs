//! One organisation in a storm beside many calm ones.

pub(crate) mod options;
