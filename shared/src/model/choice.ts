import { z } from "zod";
import { Layer } from "./layer.ts";
import { StudyWeights } from "./studyWeights.ts";
import { Trains } from "./zoo/parts.ts";

const hidden = z.array(z.number().int().positive()).min(1).max(10).describe("Units of each hidden layer.");

const length = z.number().int().positive();
const image = z
  .tuple([length, length, length])
  .describe("[height, width, channels] of a record: its columns are the rows of pixels, channels innermost.");
const series = z
  .tuple([length, length])
  .describe("[length, channels] of a record: its columns are the steps in order, channels innermost.");

const resnet18 = z
  .strictObject({ preset: z.literal("resnet18"), input: image })
  .describe("ResNet-18 for images of 32 pixels and more; with group normalisation, or a pretrained one's own, fixed.");
const resnet20 = z
  .strictObject({ preset: z.literal("resnet20"), input: image })
  .describe("ResNet-20 for images of about 32 pixels; with group normalisation, or a pretrained one's own, fixed.");
const squeezenet = z
  .strictObject({ preset: z.literal("squeezenet"), input: image })
  .describe("SqueezeNet 1.1, for images of 64 pixels and more in little memory.");

const own = [
  z.strictObject({ preset: z.literal("logistic") }).describe("Logistic regression: one layer and no other."),
  z
    .strictObject({
      preset: z.literal("mlp"),
      hidden,
      activation: z.enum(["relu", "tanh"]).default("relu").describe("Of every hidden layer."),
    })
    .describe("Fully connected network."),
  z
    .strictObject({
      preset: z.literal("deeptype"),
      hidden: hidden.default([1024, 512]),
      clusters: z
        .number()
        .int()
        .min(2)
        .max(1000)
        .describe("Centroids in the last hidden layer, trained with the rest."),
      clusterWeight: z.number().nonnegative().default(0.1).describe("Weight of the distance to the nearest centroid."),
    })
    .describe("DeepType: a classifier whose last hidden layer is pulled into clusters."),
  z
    .strictObject({ preset: z.literal("cnn"), input: image })
    .describe("Small convolutional network with tanh, for images of about 28 pixels."),
  z
    .strictObject({ preset: z.literal("cnn-series"), input: series })
    .describe("Fully convolutional network for series, with group normalisation."),
  z
    .strictObject({ preset: z.literal("acgan"), hidden: hidden.default([64, 64]) })
    .describe("Fully connected discriminator of tables: real or made, and which class. Needs `generator`."),
  z
    .strictObject({ preset: z.literal("acgan-discriminator"), input: image.default([3, 12, 1]) })
    .describe("SPRINT_gan's discriminator: real or made, and which class. A study's records are all real."),
] as const;

/** Both or neither: what is trained of a pretrained network, and its weights. */
const started = { weights: StudyWeights.optional(), trains: Trains.optional() };

/** The network of a signed study. */
export const ModelChoice = z.discriminatedUnion("preset", [
  ...own,
  resnet18.extend(started),
  resnet20.extend(started),
  squeezenet.extend(started),
  z
    .strictObject({
      preset: z.literal("keras"),
      input: z.array(length).min(1).max(3),
      layers: z.array(Layer).min(1).max(400),
      weights: started.weights,
    })
    .describe("Layers of a model that was brought along."),
]);
export type ModelChoice = z.infer<typeof ModelChoice>;

const pretrained = {
  weights: z
    .string()
    .min(1)
    .optional()
    .describe("Path of a safetensors file with pretrained weights. Proposing the study declares them public."),
  trains: Trains.optional().describe("Which parameters of a pretrained network are trained; without it all (full)."),
};

/** The network as a study file names it: files in place of what they hold. */
export const ModelFile = z.discriminatedUnion("preset", [
  ...own,
  resnet18.extend(pretrained),
  resnet20.extend(pretrained),
  squeezenet.extend(pretrained),
  z
    .strictObject({
      preset: z.literal("keras"),
      file: z.string().min(1).describe("Path of a Keras or TF.js model.json, from this file's folder."),
      input: z.array(length).min(1).max(3).optional().describe("Shape of a record, where the model leaves it open."),
      weights: pretrained.weights,
    })
    .describe("Your own network from Keras; a softmax or sigmoid at its end is left to the loss."),
]);
export type ModelFile = z.infer<typeof ModelFile>;
