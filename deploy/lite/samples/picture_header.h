// What the header of a JPEG or PNG file says, and whether the file is whole.
#pragma once

#include <cstdint>
#include <regex>
#include <stdexcept>
#include <string>

struct PictureHeader {
  int64_t width = 0, height = 0;
  int bits = 8, channels = 3;
  int orientation = 1;  // EXIF: 1 is upright
};

inline uint32_t BigEndian(const std::string &bytes, uint64_t at, int size) {
  if (at + size > bytes.size()) throw std::runtime_error("the file is cut off");
  uint32_t value = 0;
  for (int i = 0; i < size; ++i) value = value << 8 | static_cast<uint8_t>(bytes[at + i]);
  return value;
}

// Tag 0x0112 of a TIFF structure; 0 where it is missing.
inline int ExifOrientation(const std::string &tiff) {
  const bool little = tiff.rfind("II", 0) == 0;
  const auto number = [&](uint64_t at, int size) -> uint32_t {
    if (at + size > tiff.size()) return 0;
    uint32_t value = 0;
    for (int i = 0; i < size; ++i) value = value << 8 | static_cast<uint8_t>(tiff[at + (little ? size - 1 - i : i)]);
    return value;
  };
  const uint64_t directory = number(4, 4);
  const uint32_t count = number(directory, 2);
  for (uint32_t i = 0; i < count; ++i) {
    const uint64_t entry = directory + 2 + uint64_t{12} * i;
    if (number(entry, 2) == 0x0112) return static_cast<int>(number(entry + 8, number(entry + 2, 2) == 4 ? 4 : 2));
  }
  return 0;
}

inline int XmpOrientation(const std::string &xmp) {
  std::smatch match;
  return std::regex_search(xmp, match, std::regex("tiff:Orientation(?:=\"|>)([0-9])")) ? std::stoi(match[1]) : 0;
}

inline PictureHeader ReadJpegHeader(const std::string &bytes) {
  PictureHeader header;
  std::string exif, xmp;
  for (size_t at = 2;;) {
    while (BigEndian(bytes, at, 2) == 0xFFFF) ++at;  // fill bytes
    const uint32_t marker = BigEndian(bytes, at, 2), length = BigEndian(bytes, at + 2, 2);
    if (marker < 0xFFC0 || length < 2) throw std::runtime_error("a segment of the file is damaged");
    const std::string body = bytes.substr(at + 4, length - 2);
    if (marker >= 0xFFC0 && marker <= 0xFFCF && marker != 0xFFC4 && marker != 0xFFC8 && marker != 0xFFCC) {
      header.bits = static_cast<int>(BigEndian(body, 0, 1));
      header.height = BigEndian(body, 1, 2);
      header.width = BigEndian(body, 3, 2);
      header.channels = static_cast<int>(BigEndian(body, 5, 1));
    } else if (marker == 0xFFE1 && exif.empty() && body.rfind(std::string("Exif\0\0", 6), 0) == 0) {
      exif = body.substr(6);
    } else if (marker == 0xFFE1 && body.rfind("http://ns.adobe.com/xap/1.0/", 0) == 0) {
      xmp = body;
    }
    at += 2 + length;
    if (marker == 0xFFDA) {
      // In what follows FF is an escape: this is the true end, which decoders make up where it is missing.
      if (bytes.find("\xFF\xD9", at) == std::string::npos) throw std::runtime_error("the file is cut off");
      break;
    }
  }
  if (const int orientation = ExifOrientation(exif)) header.orientation = orientation;
  else if (const int other = XmpOrientation(xmp)) header.orientation = other;
  return header;
}

inline uint32_t Crc32(const std::string &bytes, size_t start, size_t length) {
  uint32_t crc = ~0u;
  for (size_t i = start; i < start + length; ++i) {
    crc ^= static_cast<uint8_t>(bytes[i]);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320u : 0);
  }
  return ~crc;
}

inline PictureHeader ReadPngHeader(const std::string &bytes) {
  PictureHeader header;
  for (size_t at = 8;;) {
    const uint64_t length = BigEndian(bytes, at, 4);
    const uint32_t checksum = BigEndian(bytes, at + 8 + length, 4);
    const std::string name = bytes.substr(at + 4, 4);
    // Not every decoder checks them, and a damaged picture is another picture.
    if (Crc32(bytes, at + 4, 4 + length) != checksum) throw std::runtime_error("the file is damaged: checksum of " + name);
    if (name == "IHDR") {
      header.width = BigEndian(bytes, at + 8, 4);
      header.height = BigEndian(bytes, at + 12, 4);
      header.bits = static_cast<int>(BigEndian(bytes, at + 16, 1));
    } else if (name == "eXIf") {
      if (const int orientation = ExifOrientation(bytes.substr(at + 8, length))) header.orientation = orientation;
    } else if (name == "IEND") {
      return header;
    }
    at += 12 + length;
  }
}
