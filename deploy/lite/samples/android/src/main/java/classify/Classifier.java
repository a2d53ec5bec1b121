package classify;

import android.content.res.AssetFileDescriptor;
import android.content.res.AssetManager;
import android.graphics.Bitmap;
import com.mindspore.MSTensor;
import com.mindspore.Model;
import com.mindspore.config.DeviceType;
import com.mindspore.config.MSContext;
import com.mindspore.config.ModelType;
import java.io.ByteArrayOutputStream;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.MappedByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import org.json.JSONArray;
import org.json.JSONException;
import org.json.JSONObject;

/** A bundle in the assets of an app: model.ms, labels.txt, preprocessing.json and manifest.json. */
final class Classifier implements AutoCloseable {
  private final Model model = new Model();
  private final Preprocessing preprocessing;
  private final String[] labels;
  private final boolean logits;

  /** Opens the bundle; one thread of the app at a time may use it. */
  Classifier(AssetManager assets) throws IOException, JSONException {
    preprocessing = readPreprocessing(new JSONObject(readText(assets, "preprocessing.json")));
    labels = readText(assets, "labels.txt").trim().split("\n");
    logits = new JSONObject(readText(assets, "manifest.json")).getString("output_kind").equals("logits");
    MSContext context = new MSContext();
    context.init();
    context.addDeviceInfo(DeviceType.DT_CPU, false); // true computes in float16 where the processor can
    // The file is mapped out of the package, which must hold it uncompressed: see noCompress in build.gradle.
    try (AssetFileDescriptor file = assets.openFd("model.ms");
        FileInputStream stream = new FileInputStream(file.getFileDescriptor())) {
      MappedByteBuffer bytes =
          stream.getChannel().map(FileChannel.MapMode.READ_ONLY, file.getStartOffset(), file.getDeclaredLength());
      if (!model.build(bytes, ModelType.MT_MINDIR_LITE, context)) {
        throw new IOException("MindSpore Lite cannot load model.ms; another version wrote it?");
      }
    }
  }

  String label(int place) {
    return labels[place];
  }

  /** Returns the probability of every class, in the order of labels.txt. */
  float[] probabilities(Bitmap bitmap) throws IOException {
    int width = bitmap.getWidth();
    int height = bitmap.getHeight();
    int[] argb = new int[width * height];
    bitmap.getPixels(argb, 0, width, 0, 0, width, height);
    MSTensor input = model.getInputs().get(0);
    input.setData(inOrderOf(input.getShape(), preprocessing.apply(argb, width, height)));
    if (!model.predict()) {
      throw new IOException("MindSpore Lite gave no answer");
    }
    float[] outputs = model.getOutputs().get(0).getFloatData();
    if (outputs.length != labels.length) {
      throw new IOException("the model and labels.txt have different classes");
    }
    return logits ? softmax(outputs) : outputs;
  }

  /** The converter puts channels last, whatever the format of the tensor says: the shape decides. */
  private float[] inOrderOf(int[] shape, float[] planes) {
    int channels = preprocessing.planes();
    if (shape[3] != channels || shape[1] == channels) {
      return planes;
    }
    int area = preprocessing.side() * preprocessing.side();
    float[] last = new float[planes.length];
    for (int i = 0; i < planes.length; i++) {
      last[i % area * channels + i / area] = planes[i];
    }
    return last;
  }

  private static float[] softmax(float[] outputs) {
    float peak = outputs[0];
    for (float value : outputs) {
      peak = Math.max(peak, value);
    }
    float sum = 0;
    for (int i = 0; i < outputs.length; i++) {
      outputs[i] = (float) Math.exp(outputs[i] - peak);
      sum += outputs[i];
    }
    for (int i = 0; i < outputs.length; i++) {
      outputs[i] /= sum;
    }
    return outputs;
  }

  private static Preprocessing readPreprocessing(JSONObject spec) throws JSONException {
    return new Preprocessing(
        spec.getString("color").equals("gray"),
        spec.isNull("resize") ? 0 : spec.getInt("resize"),
        spec.getInt("image_size"),
        spec.getInt("pad"),
        numbers(spec.getJSONArray("mean")),
        numbers(spec.getJSONArray("std")));
  }

  private static float[] numbers(JSONArray array) throws JSONException {
    float[] numbers = new float[array.length()];
    for (int i = 0; i < numbers.length; i++) {
      numbers[i] = (float) array.getDouble(i);
    }
    return numbers;
  }

  private static String readText(AssetManager assets, String name) throws IOException {
    try (InputStream stream = assets.open(name)) {
      ByteArrayOutputStream bytes = new ByteArrayOutputStream();
      byte[] part = new byte[8192];
      for (int count = stream.read(part); count > 0; count = stream.read(part)) {
        bytes.write(part, 0, count);
      }
      return new String(bytes.toByteArray(), StandardCharsets.UTF_8);
    }
  }

  @Override
  public void close() {
    model.free();
  }
}
