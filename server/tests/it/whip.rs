//! whip
