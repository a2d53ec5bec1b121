// A picture file as the training kit shows it to the network: upright, RGB, 8 bits a channel, transparency dropped.
#pragma once

#include <algorithm>
#include <sstream>

#include "picture_header.h"
#include "preprocess.h"
#ifdef SYSTEM_DECODERS
#include "decode_system.h"
#else
#include "decode_stb.h"
#endif

constexpr int64_t kMaxPixels = 100000000;
constexpr size_t kMaxFileBytes = 256 * 1024 * 1024;

inline void CheckSize(int64_t width, int64_t height) {
  if (width < 1 || height < 1) throw std::runtime_error("the picture has no pixels");
  if (width * height > kMaxPixels) throw std::runtime_error("more than 100,000,000 pixels");
}

// Binary PPM (P6, 8 bits).
inline Picture DecodePpm(const std::string &bytes) {
  std::istringstream file(bytes);
  std::string magic;
  Picture picture;
  int largest = 0;
  file >> magic >> picture.width >> picture.height >> largest;
  file.get();
  if (!file || largest != 255) throw std::runtime_error("not a binary PPM picture of 8 bits");
  CheckSize(picture.width, picture.height);
  picture.pixels.resize(static_cast<size_t>(picture.width) * picture.height * 3);
  file.read(reinterpret_cast<char *>(picture.pixels.data()), static_cast<std::streamsize>(picture.pixels.size()));
  if (!file) throw std::runtime_error("the file is cut off");
  return picture;
}

inline Picture Upright(const Picture &in, int orientation) {
  if (orientation < 2 || orientation > 8) return in;
  const bool swapped = orientation >= 5;
  const bool mirror_x = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  const bool mirror_y = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  Picture out{swapped ? in.height : in.width, swapped ? in.width : in.height, {}};
  out.pixels.reserve(in.pixels.size());
  for (int y = 0; y < out.height; ++y) {
    for (int x = 0; x < out.width; ++x) {
      const int column = swapped ? y : x, row = swapped ? x : y;
      const size_t from = (static_cast<size_t>(mirror_y ? in.height - 1 - row : row) * in.width +
                           (mirror_x ? in.width - 1 - column : column)) * 3;
      out.pixels.insert(out.pixels.end(), in.pixels.begin() + from, in.pixels.begin() + from + 3);
    }
  }
  return out;
}

inline Picture DecodePicture(const std::string &bytes) {
  if (bytes.size() > kMaxFileBytes) throw std::runtime_error("more than 256 MB");
  if (bytes.rfind("P6", 0) == 0) return DecodePpm(bytes);
  const bool jpeg = bytes.rfind("\xFF\xD8\xFF", 0) == 0;
  if (!jpeg && bytes.rfind("\x89PNG\r\n\x1A\n", 0) != 0) throw std::runtime_error("not a JPEG, PNG or binary PPM picture");
  const PictureHeader header = jpeg ? ReadJpegHeader(bytes) : ReadPngHeader(bytes);
  CheckSize(header.width, header.height);
  if (jpeg && (header.bits != 8 || (header.channels != 1 && header.channels != 3)))
    throw std::runtime_error("neither RGB nor gray with 8 bits (CMYK?); save the picture as RGB");
  const Picture picture = jpeg ? DecodeJpeg(bytes) : DecodePng(bytes);
  if (picture.width != header.width || picture.height != header.height) throw std::runtime_error("the file has two sizes");
  if (header.bits == 16 && *std::max_element(picture.pixels.begin(), picture.pixels.end()) < 16)
    throw std::runtime_error("16-bit pixels reach only a sixteenth of their range; save the picture with 8 bits");
  return Upright(picture, header.orientation);
}

inline Picture ReadPicture(const std::string &path) {
  try {
    return DecodePicture(ReadText(path));
  } catch (const std::runtime_error &error) {
    throw std::runtime_error(path + ": " + error.what());
  }
}
