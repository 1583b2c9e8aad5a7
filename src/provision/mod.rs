//! What an administrator sets up in AWS: the stack, and a user for every system.

pub mod call;
pub mod enrolment;
pub mod outputs;
pub mod pace;
pub mod passwords;
pub mod systems;
