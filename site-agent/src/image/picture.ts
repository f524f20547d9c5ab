/** A decoded picture, whatever file it came from: channels innermost, numbers as they were measured. */
export interface Picture {
  readonly height: number;
  readonly width: number;
  readonly channels: 1 | 3;
  /** [height, width, channels] */
  readonly values: Float32Array;
}

/** What a study's array column wants: [height, width, channels]. */
export interface PictureSize {
  readonly height: number;
  readonly width: number;
  readonly channels: 1 | 3;
}

/** Colours to grey by the weights of ITU-R BT.601, as Pillow and libvips have it; grey to three equal channels. */
export function withChannels(picture: Picture, channels: 1 | 3): Picture {
  if (picture.channels === channels) return picture;
  const { height, width, values } = picture;
  const out = new Float32Array(height * width * channels);
  for (let i = 0; i < height * width; i++) {
    if (channels === 3) out.fill(values[i] ?? 0, 3 * i, 3 * i + 3);
    else out[i] = 0.299 * (values[3 * i] ?? 0) + 0.587 * (values[3 * i + 1] ?? 0) + 0.114 * (values[3 * i + 2] ?? 0);
  }
  return { height, width, channels, values: out };
}
