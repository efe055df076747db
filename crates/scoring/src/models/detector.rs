//! Kinds `half_space_trees` and `random_cut_forest`: detectors that learn what is usual in a lane.
//!
//! The artefact is TOML: the detector's settings, its seed and the range of each input. The raw score is
//! the detector's, 0 to 1 and larger for stranger rows; it ranks rows, and a `[calibration]` in model.toml
//! makes a probability of it. Without one it is taken as it is.

use std::sync::Arc;

use serde::de::DeserializeOwned;
use tillwatch_detectors::{
    CutForestSettings, Detector, DetectorError, HalfSpaceSettings, HalfSpaceTrees, Input,
    RandomCutForest,
};

use crate::calibration::Calibration;
use crate::error::ScoringError;
use crate::factory::{LoadContext, ModelFactory};
use crate::loaded::MemberKind;
use crate::model::{Explain, Frozen, Learner, LearningModel, ModelInfo, ModelInput, ModelOutput};
use crate::reasons::push_contributions;
use crate::text::{read_toml, utf8};
use crate::values::{doubles, value_at};

/// Makes models of half-space trees.
#[derive(Debug)]
pub struct HalfSpaceFactory;

/// Makes models of random cut forests.
#[derive(Debug)]
pub struct CutForestFactory;

impl ModelFactory for HalfSpaceFactory {
    fn kind(&self) -> &'static str {
        "half_space_trees"
    }

    fn load(&self, artefact: &[u8], context: LoadContext<'_>) -> Result<MemberKind, ScoringError> {
        let settings: HalfSpaceSettings = settings(artefact, &context)?;
        load(
            &settings.inputs,
            HalfSpaceTrees::from_settings(&settings),
            context,
        )
    }
}

impl ModelFactory for CutForestFactory {
    fn kind(&self) -> &'static str {
        "random_cut_forest"
    }

    fn load(&self, artefact: &[u8], context: LoadContext<'_>) -> Result<MemberKind, ScoringError> {
        let settings: CutForestSettings = settings(artefact, &context)?;
        load(
            &settings.inputs,
            RandomCutForest::from_settings(&settings),
            context,
        )
    }
}

fn settings<T: DeserializeOwned>(
    artefact: &[u8],
    context: &LoadContext<'_>,
) -> Result<T, ScoringError> {
    context.require_numbers()?;
    read_toml(context.artefact, utf8(context.artefact, artefact)?)
}

fn load<D: Detector + Clone + Sync + 'static>(
    inputs: &[Input],
    detector: Result<D, DetectorError>,
    context: LoadContext<'_>,
) -> Result<MemberKind, ScoringError> {
    let names: Vec<String> = inputs.iter().map(|input| input.name.clone()).collect();
    context.require_inputs(&names, true)?;
    let fresh = detector.map_err(|error| context.error(error.to_string()))?;
    Ok(MemberKind::Learning(Arc::new(Unlearnt {
        fresh,
        calibration: context.calibration.cloned(),
        info: Arc::new(context.info),
    })))
}

/// A detector that has seen nothing.
#[derive(Debug)]
struct Unlearnt<D> {
    fresh: D,
    calibration: Option<Calibration>,
    info: Arc<ModelInfo>,
}

impl<D: Detector + Clone + Sync + 'static> LearningModel for Unlearnt<D> {
    fn info(&self) -> &ModelInfo {
        &self.info
    }

    fn start(&self) -> Box<dyn Learner> {
        Box::new(Learning {
            detector: Box::new(self.fresh.clone()),
            calibration: self.calibration.clone(),
            info: Arc::clone(&self.info),
            row: Vec::new(),
            shares: vec![0.0; self.info.inputs.len()],
        })
    }
}

/// A detector at work in one lane.
#[derive(Debug)]
struct Learning {
    detector: Box<dyn Detector>,
    calibration: Option<Calibration>,
    info: Arc<ModelInfo>,
    /// The values of one row, used again.
    row: Vec<f64>,
    /// The contributions of one row, used again; one per input.
    shares: Vec<f64>,
}

impl Learner for Learning {
    fn score_and_learn(
        &mut self,
        input: &ModelInput<'_>,
        lessons: &[bool],
        explain: &Explain<'_>,
        output: &mut ModelOutput,
    ) {
        let columns = doubles(input.columns, input.rows);
        for (row, is_lesson) in lessons.iter().enumerate().take(input.rows) {
            self.row.clear();
            self.row.extend(columns.iter().map(|column| column[row]));
            let is_warm = self.detector.is_warm();
            let raw = self.detector.score(&self.row);
            let probability = match &self.calibration {
                _ if !is_warm => f64::NAN,
                Some(calibration) => calibration.probability(raw),
                None => raw,
            };
            output.raw.push(raw);
            output.probability.push(probability);
            if is_warm && self.info.has_reasons() && explain.wants(row, probability) {
                self.detector.attribution(&mut self.shares);
                let value = |slot: usize| value_at(&input.columns[slot], row);
                let reasons = &self.info.reasons;
                push_contributions(row, reasons, &self.shares, value, &mut output.signals);
            }
            if *is_lesson {
                self.detector.learn();
            }
        }
    }

    fn freeze(&self) -> Box<dyn Frozen> {
        let Self {
            detector,
            // Of the model.
            calibration: _,
            info: _,
            // Of one row at a time.
            row: _,
            shares: _,
        } = self;
        detector.freeze()
    }

    fn read(&mut self, bytes: &[u8]) -> Result<(), ScoringError> {
        let read = self.detector.read(bytes);
        read.map_err(|error| ScoringError::State {
            model: self.info.name.clone(),
            message: error.to_string(),
        })
    }

    fn state_bytes(&self) -> usize {
        self.detector.state_bytes()
    }
}
