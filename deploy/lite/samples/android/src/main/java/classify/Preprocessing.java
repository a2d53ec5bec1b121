package classify;

/** A picture as the network wants it, bit for bit as in training: see preprocessing.json of the bundle. */
final class Preprocessing {
  private final boolean gray;
  private final int resize;
  private final int side;
  private final int pad;
  private final float[] mean;
  private final float[] std;

  /**
   * @param gray one plane of grey levels; otherwise red, green and blue
   * @param resize length of the shorter side in pixels; 0 keeps the size
   * @param side of the square that is cut out, in pixels
   * @param pad black border on each side before that, in pixels
   * @param mean of every plane, in parts of 255
   * @param std of every plane, in parts of 255
   */
  Preprocessing(boolean gray, int resize, int side, int pad, float[] mean, float[] std) {
    this.gray = gray;
    this.resize = resize;
    this.side = side;
    this.pad = pad;
    this.mean = mean;
    this.std = std;
  }

  int planes() {
    return gray ? 1 : 3;
  }

  int side() {
    return side;
  }

  /**
   * Returns planes of side x side values, one after the other.
   *
   * @param argb pixels row by row, as Bitmap.getPixels gives them
   */
  float[] apply(int[] argb, int width, int height) {
    Picture picture = new Picture(width, height);
    for (int i = 0; i < width * height; i++) {
      for (int channel = 0; channel < 3; channel++) {
        picture.levels[3 * i + channel] = argb[i] >> (16 - 8 * channel) & 0xff;
      }
    }
    if (resize > 0) {
      int newWidth = width < height ? resize : (int) ((float) width / height * resize);
      int newHeight = width < height ? (int) ((float) height / width * resize) : resize;
      picture = resizeAxis(resizeAxis(picture, newWidth, false), newHeight, true);
    }
    return normalised(picture);
  }

  private float[] normalised(Picture picture) {
    int top = start(picture.height);
    int left = start(picture.width);
    float[] input = new float[planes() * side * side];
    int[] rgb = new int[3];
    for (int y = 0; y < side; y++) {
      for (int x = 0; x < side; x++) {
        int row = y + top;
        int column = x + left;
        boolean inside = row >= 0 && row < picture.height && column >= 0 && column < picture.width;
        for (int c = 0; c < 3; c++) {
          rgb[c] = inside ? picture.levels[(row * picture.width + column) * 3 + c] : 0;
        }
        if (gray) {
          rgb[0] = 9798 * rgb[0] + 19235 * rgb[1] + 3735 * rgb[2] + (1 << 14) >> 15; // OpenCV's fixed-point weights
        }
        for (int c = 0; c < planes(); c++) {
          input[(c * side + y) * side + x] = (rgb[c] * (float) (1.0 / 255) - mean[c]) / std[c];
        }
      }
    }
    return input;
  }

  /** Where the crop starts; negative where the picture is too small. */
  private int start(int length) {
    int surplus = length + 2 * pad - side;
    return (surplus < 0 ? -(-surplus - -surplus / 2) : surplus / 2) - pad;
  }

  /** Resizes one axis with Pillow's antialiased bicubic filter, in its fixed-point arithmetic. */
  private static Picture resizeAxis(Picture in, int size, boolean columns) {
    int length = columns ? in.height : in.width;
    if (size == length) {
      return in;
    }
    Picture out = columns ? new Picture(in.width, size) : new Picture(size, in.height);
    double scale = (double) length / size;
    double stretch = Math.max(scale, 1.0);
    int step = columns ? in.width * 3 : 3;
    int lines = columns ? in.width : in.height;
    for (int place = 0; place < size; place++) {
      double centre = (place + 0.5) * scale;
      int first = Math.max((int) (centre - 2 * stretch + 0.5), 0);
      int last = Math.min((int) (centre + 2 * stretch + 0.5), length);
      int[] weights = weights(first, last, centre, stretch);
      for (int line = 0; line < lines; line++) {
        int from = columns ? line * 3 : line * in.width * 3;
        int to = columns ? (place * out.width + line) * 3 : (line * out.width + place) * 3;
        for (int channel = 0; channel < 3; channel++) {
          int total = 1 << 21;
          for (int i = first; i < last; i++) {
            total += in.levels[from + i * step + channel] * weights[i - first];
          }
          out.levels[to + channel] = Math.min(Math.max(total >> 22, 0), 255);
        }
      }
    }
    return out;
  }

  private static int[] weights(int first, int last, double centre, double stretch) {
    double[] exact = new double[last - first];
    double sum = 0;
    for (int i = first; i < last; i++) {
      exact[i - first] = cubic((i - centre + 0.5) * (1.0 / stretch));
      sum += exact[i - first];
    }
    int[] fixed = new int[exact.length];
    for (int i = 0; i < exact.length; i++) {
      fixed[i] = (int) (exact[i] / sum * (1 << 22) + (exact[i] < 0 ? -0.5 : 0.5));
    }
    return fixed;
  }

  private static double cubic(double x) {
    double distance = Math.abs(x);
    if (distance < 1) {
      return (1.5 * distance - 2.5) * distance * distance + 1;
    }
    return distance < 2 ? ((-0.5 * distance + 2.5) * distance - 4) * distance + 2 : 0;
  }

  /** Levels from 0 to 255: red, green and blue of every pixel, row by row. */
  private static final class Picture {
    final int width;
    final int height;
    final int[] levels;

    Picture(int width, int height) {
      this.width = width;
      this.height = height;
      this.levels = new int[width * height * 3];
    }
  }
}
