mod beside;
mod change;
mod learner;
mod refusal;
mod trial;
