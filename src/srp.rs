//! Cognito's Secure Remote Password: the numbers of both sides.
//!
//! Pure: no I/O, no clock, no tasks; randomness is handed in.
