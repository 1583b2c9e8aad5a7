//! The CloudFormation template, as it lies in `infrastructure/` and as it is sent: with the dashboard put into it.
//!
//! Easy to break: what a parameter may be, and what it is by default, stands in the template alone.
//!
//! Pure: no I/O, no clock, no tasks.

use serde_json::Value;

use super::outputs::split;

const SOURCE: &str = include_str!("../../infrastructure/cloudwatch-publisher.json");
const DASHBOARD: &str = include_str!("../../infrastructure/dashboard.json");

/// Where the dashboard's text goes, and beside it what its placeholders stand for.
const DASHBOARD_BODY: &str = "/Resources/FleetDashboard/Properties/DashboardBody/Fn::Sub";

/// The template, read.
#[derive(Clone, Debug)]
pub struct Template {
    tree: Value,
}

/// The template does not hold what the program reads in it: a defect of ours.
#[derive(Debug, thiserror::Error)]
#[error("reading infrastructure/cloudwatch-publisher.json: {0}")]
pub struct BadTemplate(String);

impl BadTemplate {
    pub(super) fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }
}

impl Template {
    /// Reads the template and puts the dashboard into it.
    ///
    /// # Errors
    /// When the files of `infrastructure/` are not what this program was written for.
    pub fn read() -> Result<Self, BadTemplate> {
        let bad = |error: serde_json::Error| BadTemplate(error.to_string());
        let mut tree: Value = serde_json::from_str(SOURCE).map_err(bad)?;
        let dashboard: Value = serde_json::from_str(DASHBOARD).map_err(bad)?;
        let body = tree.pointer_mut(DASHBOARD_BODY).and_then(|body| body.get_mut(0));
        *body.ok_or_else(|| BadTemplate(format!("there is no {DASHBOARD_BODY}")))? = dashboard.to_string().into();
        Ok(Self { tree })
    }

    /// As it is sent: without the white space, which counts against CloudFormation's limit of 51,200 bytes.
    pub fn body(&self) -> String {
        self.tree.to_string()
    }

    /// The text of the dashboard with its placeholders, and the functions that these stand for.
    ///
    /// # Errors
    /// When the template has none.
    pub fn dashboard(&self) -> Result<(&str, &Value), BadTemplate> {
        let body = self.tree.pointer(DASHBOARD_BODY);
        let text = body.and_then(|body| body.get(0)?.as_str());
        let names = body.and_then(|body| body.get(1));
        text.zip(names).ok_or_else(|| BadTemplate(format!("there is no {DASHBOARD_BODY}")))
    }

    /// What a parameter is where nobody says otherwise, as CloudFormation writes it.
    pub fn default(&self, parameter: &str) -> Option<String> {
        Some(text(self.parameter(parameter)?.get("Default")?))
    }

    /// The same for a parameter that is a list.
    pub fn default_list(&self, parameter: &str) -> Vec<String> {
        self.default(parameter).map(|list| split(&list)).unwrap_or_default()
    }

    /// The only values that a parameter may have; empty where any will do.
    pub fn allowed(&self, parameter: &str) -> Vec<String> {
        let values = self.parameter(parameter).and_then(|parameter| parameter.get("AllowedValues")?.as_array());
        values.map(|values| values.iter().map(text).collect()).unwrap_or_default()
    }

    /// The pattern that all of a parameter's value, or of a list's each item, must match.
    pub fn pattern(&self, parameter: &str) -> Option<&str> {
        self.parameter(parameter)?.get("AllowedPattern")?.as_str()
    }

    /// The parameter's names.
    pub fn parameters(&self) -> Vec<&str> {
        let all = self.tree.get("Parameters").and_then(Value::as_object);
        all.map(|all| all.keys().map(String::as_str).collect()).unwrap_or_default()
    }

    fn parameter(&self, name: &str) -> Option<&Value> {
        self.tree.get("Parameters")?.get(name)
    }
}

/// What the metadata of a template says that it is. CloudFormation hands the metadata over as a text.
pub fn named_in(metadata: &str) -> Option<String> {
    let metadata: Value = serde_json::from_str(metadata).ok()?;
    metadata.get("Template")?.as_str().map(ToOwned::to_owned)
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
}

#[cfg(test)]
mod tests {
    use super::super::outputs::TEMPLATE;
    use super::*;

    #[test]
    fn the_template_fits_into_a_request() {
        let body = Template::read().unwrap().body();
        assert!(body.len() < 51_200, "{} bytes", body.len());
    }

    #[test]
    fn the_template_calls_itself_what_the_program_looks_for() {
        let tree = Template::read().unwrap().tree;
        assert_eq!(named_in(&tree["Metadata"].to_string()).as_deref(), Some(TEMPLATE));
        assert_eq!(tree["Outputs"]["Template"]["Value"], TEMPLATE);
    }

    #[test]
    fn every_resource_says_why_it_is_there() {
        let tree = Template::read().unwrap().tree;
        for (name, resource) in tree["Resources"].as_object().unwrap() {
            let resource = resource.get(2).and_then(|body| body.as_object()?.values().next()).unwrap_or(resource);
            assert!(resource["Metadata"]["Why"].is_string(), "{name}");
        }
    }
}
