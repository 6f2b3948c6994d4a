//! What lies between the network and HTTP: TLS, and the pace that a peer must keep.
//!
//! | file | what it holds |
//! |---|---|
//! | [`door`] | taking a connection in: the TLS handshake, within its time and its bound |
//! | [`certificate`] | the certificate that is served, replaced while the broker runs |
//! | [`files`] | reading a certificate and its key, and judging them |
//! | [`watched`] | a connection whose peer must finish what it began, and take what it asked for |
//! | [`pace`] | what such a connection is at: waiting for a request or serving one |
//! | [`line`] | a connection that became a socket, driven without the HTTP library |

pub mod certificate;
pub mod door;
pub mod files;
pub mod line;
pub mod pace;
pub mod watched;
