//! model.toml and the model card of a new model.

use std::fmt::Write as _;

use anyhow::Result;
use tillwatch_scoring::InputScope;

use super::golden::{GOLDEN, Vectors};
use super::library_file::LibraryFile;
use crate::cli::models::NewArgs;
use crate::exit::misconfigured;
use crate::lineup::directory::DESCRIPTION;

/// The model card, beside model.toml.
pub const CARD: &str = "README.md";

/// What is written of a new model.
pub struct About {
    name: String,
    version: String,
    kind: &'static str,
    /// File name of the artefact.
    pub artefact: String,
    /// Where it comes from, for people.
    origin: String,
    inputs: Vec<String>,
    /// Name and hash.
    catalog: Option<(String, String)>,
    /// Name and column of an ONNX graph's output.
    output: Option<(String, Option<usize>)>,
    has_card: bool,
    /// None as long as there are no golden vectors.
    pub vectors: Option<Vectors>,
}

impl About {
    pub fn new(
        args: &NewArgs,
        library: &LibraryFile,
        inputs: Vec<String>,
        scope: Option<&InputScope>,
    ) -> Result<Self> {
        let directory = args.output.file_name().unwrap_or_default();
        let name = args.name.clone();
        let file = args.from.file_name().unwrap_or_default().to_string_lossy();
        let is_taken = [DESCRIPTION, GOLDEN, CARD].contains(&file.as_ref());
        let artefact = match is_taken {
            true => format!("artefact-{file}"),
            false => file.into_owned(),
        };
        let output = args.score_output.as_deref().map(output).transpose()?;
        if library.kind == "onnx" && output.is_none() {
            return Err(misconfigured(
                "--score-output: say which output of the ONNX graph is the score, with its column \
                 where it has several: --score-output probabilities:1",
            ));
        }
        if library.kind != "onnx" && output.is_some() {
            return Err(misconfigured(
                "--score-output: is for ONNX alone; other formats have one output",
            ));
        }
        Ok(Self {
            name: name.unwrap_or_else(|| directory.to_string_lossy().into_owned()),
            version: args.version.clone(),
            kind: library.kind,
            origin: format!("{artefact} ({}, {})", library.format, library.parts),
            artefact,
            inputs,
            catalog: scope.map(|scope| (scope.catalog.clone(), scope.catalog_version.clone())),
            output,
            has_card: args.card,
            vectors: None,
        })
    }

    /// Text of model.toml.
    pub fn description(&self) -> String {
        let mut text = format!(
            "# Made by `tillwatch models new` from {}.\n",
            one_line(&self.origin)
        );
        if self.vectors.is_some() {
            let words = one_line(&self.vectors_in_words());
            let _ = writeln!(text, "# Golden vectors: {words}.");
        }
        let mut key = |name: &str, value: &str| {
            let _ = writeln!(text, "{name} = {}", quoted(value));
        };
        key("\nname", &self.name);
        key("version", &self.version);
        key("kind", self.kind);
        key("artefact", &self.artefact);
        if self.vectors.is_some() {
            key("golden", GOLDEN);
        }
        if self.has_card {
            key("card", CARD);
        }
        if let Some((name, version)) = &self.catalog {
            key("catalog", name);
            key("catalog_version", version);
        }
        let inputs = self
            .inputs
            .iter()
            .map(|input| format!("    {},\n", quoted(input)));
        let _ = writeln!(text, "\ninputs = [\n{}]", inputs.collect::<String>());
        if let Some((name, column)) = &self.output {
            let _ = writeln!(text, "\n[output]\nname = {}", quoted(name));
            if let Some(column) = column {
                let _ = writeln!(text, "column = {column}");
            }
        }
        let example = self.inputs.first().map_or("", String::as_str);
        let _ = write!(
            text,
            "\n# What a large share of an input in a score means, one table per input:\n\
             # [[reasons]]\n# feature = {}\n# code = \"MY_REASON\"\n# severity = \"warning\"\n\
             # words = \"What an analyst reads\"\n# action = \"What an analyst should do\"\n",
            one_line(&quoted(example))
        );
        text
    }

    /// Where golden vectors come from and what they are worth.
    pub fn vectors_in_words(&self) -> String {
        match &self.vectors {
            None => "none".to_owned(),
            Some(Vectors::Own) => {
                "made with this program's own engine, so they guard against change alone and do \
                 not show that the library would say the same"
                    .to_owned()
            }
            Some(Vectors::Library {
                samples,
                compared,
                differing,
                largest,
                tolerance,
            }) => {
                let differences = match differing {
                    0 => "all the same to the bit".to_owned(),
                    _ => format!(
                        "{differing} differ, by {largest:e} at most ({tolerance:e} counts as equal)"
                    ),
                };
                format!(
                    "the library's own scores; all {compared} rows of {samples} were compared, {differences}"
                )
            }
        }
    }

    /// The model card, with what is known filled in; its headings are those of Mitchell et al. 2019.
    pub fn card(&self) -> String {
        let Self {
            name,
            version,
            kind,
            ..
        } = self;
        let catalog = match &self.catalog {
            Some((name, version)) => format!("catalog `{name}`, version {version}"),
            None => "no catalog named: say what the inputs are".to_owned(),
        };
        format!(
            "# {name}, version {version}\n\nKind `{kind}`, from {origin}. {count} inputs; \
             {catalog}.\n\nGolden vectors: {vectors}.\n\n## What it is for\n\n\
             TODO: which transactions it scores, who acts on its scores and how.\n\n\
             ## What it was trained on\n\nTODO: source, period, number of transactions and \
             frauds, how a fraud became known and how late.\n\n## How well it does\n\n\
             TODO: period it was tested on (after training, with the delay of labels), measure, \
             figure, and the same of a simple rule.\n\n## Where it must not be used\n\n\
             TODO: kinds of terminals, countries or channels that training did not have.\n\n\
             ## Who answers for it\n\nTODO: name, date, when it is to be looked at again.\n",
            origin = self.origin,
            count = self.inputs.len(),
            vectors = self.vectors_in_words(),
        )
    }
}

/// `NAME` or `NAME:COLUMN`; a colon that no number follows is part of the name.
fn output(text: &str) -> Result<(String, Option<usize>)> {
    let column = text
        .rsplit_once(':')
        .and_then(|(name, column)| Some((name.to_owned(), Some(column.parse::<usize>().ok()?))));
    let (name, column) = column.unwrap_or_else(|| (text.to_owned(), None));
    match name.is_empty() {
        true => Err(misconfigured("--score-output: has no name")),
        false => Ok((name, column)),
    }
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// For a comment, which ends with its line.
fn one_line(text: &str) -> String {
    text.replace(char::is_control, " ")
}
