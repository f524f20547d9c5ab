/**
 * PNG, JPEG and TIFF by sharp, within a limit of pixels, upright; nothing of a file's metadata is read but its
 * orientation.
 */
import { unreadableData } from "../connector/connector.ts";
import { FRAME_PIXELS_MAX } from "../dicom/pixelFormat.ts";
import type { Picture } from "./picture.ts";

const KINDS = new Set(["png", "jpeg", "tiff"]);

export async function decodePicture(bytes: Uint8Array): Promise<Picture> {
  const { default: sharp } = await import("sharp");
  const options = { limitInputPixels: FRAME_PIXELS_MAX, failOn: "truncated", sequentialRead: true } as const;
  const { format, width, height, space, pages, hasAlpha, depth } = await sharp(bytes, {
    ...options,
    limitInputPixels: false,
  })
    .metadata()
    .catch(() => {
      throw unreadableData("image-unreadable", "A file is no image that can be read.", "PNG, JPEG and TIFF are read.");
    });
  if (format === undefined || !KINDS.has(format))
    throw unreadableData("image-kind", "A file is an image of another kind.", "Export PNG, JPEG or TIFF.");
  if (width * height > FRAME_PIXELS_MAX)
    throw unreadableData("image-too-large", "An image claims more pixels than any real one has.", "Leave it out.");
  if ((pages ?? 1) > 1)
    throw unreadableData("image-pages", "An image has several pages or is animated.", "Export each picture by itself.");
  if (space === "cmyk" || hasAlpha)
    throw unreadableData(
      "image-colours",
      "An image is transparent or in printing colours.",
      "Export it as grey or RGB, without transparency.",
    );
  const isGrey = space === "b-w" || space === "grey16";
  const isDeep = depth === "ushort";
  if (!isDeep && depth !== "uchar")
    throw unreadableData(
      "image-depth",
      "An image has numbers of another kind than 8 or 16 bits.",
      "Export 8 or 16 bits.",
    );
  const { data, info } = await sharp(bytes, options)
    .autoOrient()
    .toColourspace(isGrey ? (isDeep ? "grey16" : "b-w") : isDeep ? "rgb16" : "srgb")
    .raw({ depth: isDeep ? "ushort" : "uchar" })
    .toBuffer({ resolveWithObject: true })
    .catch(() => {
      throw unreadableData("image-damaged", "An image is cut off or damaged.", "Export it again.");
    });
  const { channels } = info;
  if (channels !== 1 && channels !== 3)
    throw unreadableData("image-colours", "An image is neither grey nor RGB.", "Export it as grey or RGB.");
  const values = isDeep
    ? Float32Array.from(new Uint16Array(data.buffer, data.byteOffset, data.length / 2))
    : Float32Array.from(data);
  return { height: info.height, width: info.width, channels, values };
}
