import { ModelFile } from "@consilium/shared/model/choice";

const PRESETS = ModelFile.options.map(({ shape }) => shape.preset.value).join(" | ");

/** A commented study file to start from, and the schema file that it names. */
export const EXAMPLE_STUDY = `# A study: everything that every site approves, signed by digest.
# Change it, then: consilium validate study.yaml
apiVersion: consilium/v1
kind: Study
name: my-study # unique in the consortium
purpose: Say in one sentence what the model is for; stewards decide by it
data:
  schema: ./schema.yaml # columns, public ranges, fills for missing values
  label: outcome # a category column of the schema
  patient: patientId # tells patients apart; without it one record is one patient
# ${PRESETS}
model: { preset: logistic } # see docs/models.md
privacy:
  epsilon: 4 # cap at each site, for the part of its patients that pays most
  delta: 1e-5 # well below 1 / patients of the smallest site
  clippingNorm: 1 # what one patient's gradient may weigh
  clipping: { mode: flat } # or per-layer, automatic, adaptive: the norm then follows the patients' own
  noiseMultiplier: auto # or a number: noise over clippingNorm; auto is the least that fits epsilon
  samplingRate: 0.1 # probability with which a patient joins a round
training:
  rounds: 100
  answerAfter: 2s # fixed and public; sites that are not ready then are late
  minSites: 2
  optimizer: { name: sgd, learningRate: 0.1, momentum: 0.9 }
  # earlyStop: { metric: auc, patience: 3, minDelta: 0.01 } # ends training after so many evaluations without a rise
  initialSeed: 1 # initial weights alone; sampling and noise are never seeded
evaluation: { every: 25 rounds, metrics: [auc, accuracy], epsilon: 0.8, bins: 8 } # ε of each evaluation
audit: # membership attacks before release
  attacks: [loss, confidence, modified-entropy]
  epsilon: { members: 0.3, nonMembers: 1 } # of each attack's histogram
  bins: 10
  gates: { maxAttackAucUpper: 0.65 } # no release above
release: { formats: [safetensors] }
sites: # training patients: public, frozen and signed
  - { name: hospital-a, patients: 1200 }
  - { name: hospital-b, patients: 800 }
`;

export const EXAMPLE_SCHEMA = `# The columns that studies on this data may name. Ranges and fills are public: from
# knowledge of the field, never from the data, because a range learnt from patients would itself have to be protected.
apiVersion: consilium/v1
kind: Schema
columns:
  - { name: age, type: number, unit: years, min: 18, max: 90 } # clipped to the range, scaled to −1..1
  - name: creatinine
    type: number
    unit: mg/dl
    min: 0.3
    max: 6
    missing: { fill: 1, indicator: true, codes: [-9] } # -9 stands for missing in the files
  - { name: stage, type: category, values: [I, II, III, IV], missing: { fill: II } } # one feature for each value
  - { name: outcome, type: category, values: [0, 1] }
`;
