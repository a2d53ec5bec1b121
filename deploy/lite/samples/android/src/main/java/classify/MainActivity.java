package classify;

import android.app.Activity;
import android.content.Intent;
import android.graphics.Bitmap;
import android.graphics.ImageDecoder;
import android.net.Uri;
import android.os.Bundle;
import android.widget.TextView;
import java.io.IOException;
import java.util.Locale;
import org.json.JSONException;

/** Asks for a picture and shows its three best classes; touch the text for another picture. */
public final class MainActivity extends Activity {
  private static final int TOP_K = 3;
  private TextView text;

  @Override
  protected void onCreate(Bundle state) {
    super.onCreate(state);
    text = new TextView(this);
    text.setText("Touch here, and choose a picture.");
    text.setOnClickListener(view -> choose());
    setContentView(text);
  }

  private void choose() {
    startActivityForResult(new Intent(Intent.ACTION_GET_CONTENT).setType("image/*"), 0);
  }

  @Override
  protected void onActivityResult(int request, int result, Intent data) {
    if (result == RESULT_OK && data != null) {
      text.setText("...");
      new Thread(() -> show(data.getData())).start(); // the screen must not wait
    }
  }

  private void show(Uri picture) {
    String answer;
    try (Classifier classifier = new Classifier(getAssets())) {
      ImageDecoder.Source source = ImageDecoder.createSource(getContentResolver(), picture);
      Bitmap bitmap = ImageDecoder.decodeBitmap(source, (decoder, info, from) -> {
        decoder.setAllocator(ImageDecoder.ALLOCATOR_SOFTWARE); // a hardware bitmap has no pixels to read
        decoder.setUnpremultipliedRequired(true); // training ignores transparency
      });
      answer = best(classifier, classifier.probabilities(bitmap));
    } catch (IOException | JSONException error) {
      answer = error.getMessage();
    }
    String shown = answer;
    runOnUiThread(() -> text.setText(shown));
  }

  private static String best(Classifier classifier, float[] probabilities) {
    StringBuilder lines = new StringBuilder();
    boolean[] named = new boolean[probabilities.length];
    for (int k = 0; k < Math.min(TOP_K, probabilities.length); k++) {
      int best = -1;
      for (int i = 0; i < probabilities.length; i++) {
        if (!named[i] && (best < 0 || probabilities[i] > probabilities[best])) {
          best = i;
        }
      }
      named[best] = true;
      lines.append(String.format(Locale.ROOT, "%6.2f %%  %s%n", 100 * probabilities[best], classifier.label(best)));
    }
    return lines.toString();
  }
}
