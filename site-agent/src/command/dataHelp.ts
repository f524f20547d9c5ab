/** Below `consilium-site data --help`: enough to write a data set's file. */
export const DATA_HELP = `
A plain CSV, TSV, JSON or Parquet table, or a SQLite file of one table, is named as it is. For
all else a data set's file (YAML) says where the records lie, and how their names, units and
codes become those that studies ask for:

  apiVersion: consilium/v1
  kind: Dataset
  source:                    # or table, postgres, matrix, series, fhir, images, dicom
    sqlite: { file: clinic.db, table: visits }
  harmonise:                 # the site's own; never in a study
    chol: { from: Cholesterin, convert: { from: mmol/L, to: mg/dL, of: cholesterol } }
    sex: { from: Geschlecht, recode: { m: 1, w: 0 } }

Every key: consilium-site schema dataset, and docs/data.md.

Examples:
  consilium-site data check heart.yaml
  consilium-site study check study.yaml --data heart.yaml
  consilium-site data register heart heart.yaml --data ./site
  consilium-site data preview heart --data ./site`;
