//! What makes models of one kind, and what it makes them of.

use arrow::datatypes::DataType;
use tillwatch_predicate::Scope;

use crate::calibration::Calibration;
use crate::description::OutputTable;
use crate::error::ScoringError;
use crate::loaded::MemberKind;
use crate::model::ModelInfo;
use crate::scope::InputScope;

/// Makes models of one kind.
///
/// Implement [`ModelFactory::load`]; [`ModelKinds::register`](crate::ModelKinds::register) adds the kind.
pub trait ModelFactory: Send + Sync + 'static {
    /// The kind, as in model.toml.
    fn kind(&self) -> &'static str;

    /// Makes a model of the artefact's bytes, which may be hostile: bounded work and bytes, an error
    /// instead of a panic. Called once per model, before its golden vectors are checked.
    ///
    /// # Errors
    /// Says what is wrong with the artefact and where.
    fn load(&self, artefact: &[u8], context: LoadContext<'_>) -> Result<MemberKind, ScoringError>;
}

/// What a factory gets beside the artefact.
#[derive(Debug)]
pub struct LoadContext<'a> {
    /// What the model may read.
    pub scope: &'a InputScope,
    /// Name, version, kind, reasons and the inputs of model.toml, each known to `scope`.
    pub info: ModelInfo,
    /// Name of the artefact, for messages.
    pub artefact: &'a str,
    /// Which output of a graph is the score, where model.toml says.
    pub output: Option<&'a OutputTable>,
    /// What makes a probability of a raw score, where model.toml says; only learners need it, the others are
    /// calibrated for.
    pub calibration: Option<&'a Calibration>,
    /// Names that switch parts of models on.
    pub flags: &'a [String],
}

impl LoadContext<'_> {
    /// An error about the artefact.
    pub fn error(&self, message: impl Into<String>) -> ScoringError {
        ScoringError::file(self.artefact, message)
    }

    /// Refuses inputs that are text.
    ///
    /// # Errors
    /// Names the first one.
    pub fn require_numbers(&self) -> Result<(), ScoringError> {
        for input in &self.info.inputs {
            if self.scope.data_type(input) == Some(DataType::Utf8) {
                return Err(ScoringError::InputType {
                    model: self.info.name.clone(),
                    input: input.clone(),
                });
            }
        }
        Ok(())
    }

    /// Checks that `names`, as the artefact has them, are the inputs in their order; where a library made
    /// them up because it was given none, only that they are as many.
    ///
    /// # Errors
    /// Names the first that differs.
    pub fn require_inputs(&self, names: &[String], are_given: bool) -> Result<(), ScoringError> {
        let inputs = &self.info.inputs;
        if names.len() != inputs.len() {
            return Err(self.error(format!(
                "has {} features, model.toml names {} inputs",
                names.len(),
                inputs.len()
            )));
        }
        for (position, (name, input)) in names.iter().zip(inputs).enumerate() {
            if name != input && are_given {
                return Err(self.error(format!(
                    "feature {} is `{name}`, model.toml has `{input}` there; give the inputs in \
                     training order",
                    position + 1
                )));
            }
        }
        Ok(())
    }
}
