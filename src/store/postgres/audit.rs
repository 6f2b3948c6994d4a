//! Records of the audit as they are kept and read.
