//! A seeded fleet of terminals, cards and fraudsters with ground truth, and an embedded broker
