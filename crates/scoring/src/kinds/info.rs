//! What model.toml fixes about a model, checked.

use std::sync::Arc;

use tillwatch_predicate::Scope;
use tillwatch_records::ReasonDefinition;
use tillwatch_records::suggest::did_you_mean;

use super::files::ModelFiles;
use crate::description::{Description, ReasonEntry, WrittenBaseline};
use crate::error::ScoringError;
use crate::limits::INPUTS_MAX;
use crate::model::{Baseline, InputReason, ModelInfo};
use crate::scope::InputScope;

/// What is fixed about the model that `description` describes.
pub(super) fn info(
    description: &Description,
    files: &ModelFiles,
    scope: &InputScope,
) -> Result<ModelInfo, ScoringError> {
    let refuse = |message: String| Err(ScoringError::file("model.toml", message));
    if description.name.is_empty() || description.name.contains(['@', '+', '/', '\\']) {
        return refuse(format!(
            "`{}` cannot be a name; it is empty or has one of @ + / \\",
            description.name
        ));
    }
    if description.inputs.len() > INPUTS_MAX {
        return refuse(format!("more than {INPUTS_MAX} inputs"));
    }
    let known = scope.names();
    for (position, input) in description.inputs.iter().enumerate() {
        if scope.data_type(input).is_none() {
            return Err(ScoringError::UnknownInput {
                model: description.name.clone(),
                input: input.clone(),
                hint: did_you_mean(input, known.iter().map(String::as_str)),
            });
        }
        if description.inputs[..position].contains(input) {
            return refuse(format!("input `{input}` is there twice"));
        }
    }
    let mut reasons = vec![None; description.inputs.len()];
    for entry in &description.reasons {
        let position = input_position(description, &entry.feature, &entry.code)?;
        reasons[position] = Some(reason(description, entry, scope)?);
    }
    Ok(ModelInfo {
        name: description.name.clone(),
        version: description.version.clone(),
        kind: description.kind.clone(),
        hash: files.hash(&description.artefact),
        inputs: description.inputs.clone(),
        reasons,
    })
}

fn input_position(
    description: &Description,
    name: &str,
    code: &str,
) -> Result<usize, ScoringError> {
    let inputs = &description.inputs;
    let found = inputs.iter().position(|input| input == name);
    found.ok_or_else(|| {
        let hint = did_you_mean(name, inputs.iter().map(String::as_str));
        let message = format!("reason `{code}` is about `{name}`, which is no input{hint}");
        ScoringError::file("model.toml", message)
    })
}

fn reason(
    description: &Description,
    entry: &ReasonEntry,
    scope: &InputScope,
) -> Result<InputReason, ScoringError> {
    let known = scope.words.get(&entry.feature);
    let words = entry.words.clone();
    let words = words.or_else(|| Some(known?.description.clone()));
    // A table has no catalog that could describe it.
    let words = words.or_else(|| scope.is_table().then(|| entry.feature.clone()));
    let Some(words) = words.filter(|words| !words.is_empty()) else {
        let message = format!(
            "reason `{}` has no `words`, and the catalog describes no `{}`",
            entry.code, entry.feature
        );
        return Err(ScoringError::file("model.toml", message));
    };
    let window = entry.window.clone();
    let baseline = match &entry.baseline {
        None => None,
        Some(WrittenBaseline::Number(number)) => Some(Baseline::Number(*number)),
        Some(WrittenBaseline::Input(name)) => Some(Baseline::Input(input_position(
            description,
            name,
            &entry.code,
        )?)),
    };
    Ok(InputReason {
        definition: Arc::new(ReasonDefinition {
            code: entry.code.clone(),
            typology: entry.typology,
            severity: entry.severity,
            feature: entry.feature.clone(),
            threshold: entry.threshold,
            window: window.unwrap_or_else(|| known.map_or(String::new(), |k| k.window.clone())),
            words,
            action: entry.action.clone(),
        }),
        baseline,
    })
}
