package io.phiscale.jobs.walls;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Who may know whom, over all three modules. */
class ModuleWallsTest {
  private static JavaClasses phiscale;

  @BeforeAll
  static void importClasses() {
    phiscale =
        new ClassFileImporter()
            .withImportOption(new ImportOption.DoNotIncludeTests())
            .importPackages("io.phiscale");
  }

  /** Without classes every rule below would hold. */
  @Test
  void everyPackageIsSeen() {
    assertThat(phiscale.containPackage("io.phiscale.pipeline.storage")).isTrue();
    assertThat(phiscale.containPackage("io.phiscale.model.spec")).isTrue();
    assertThat(phiscale.containPackage("io.phiscale.jobs.config")).isTrue();
    assertThat(phiscale.containPackage("io.phiscale.jobs.cli")).isTrue();
    assertThat(phiscale).hasSizeGreaterThan(100);
  }

  @Test
  void onlyJobsSeesSpark() {
    noClasses()
        .that()
        .resideOutsideOfPackage("io.phiscale.jobs..")
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage("org.apache.spark..", "scala..")
        .check(phiscale);
  }

  @Test
  void pipelineAndModelDoNotKnowEachOther() {
    noClasses()
        .that()
        .resideInAPackage("io.phiscale.pipeline..")
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage(
            "io.phiscale.model..", "io.phiscale.jobs..", "org.nd4j..", "org.deeplearning4j..")
        .check(phiscale);
    noClasses()
        .that()
        .resideInAPackage("io.phiscale.model..")
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage(
            "io.phiscale.pipeline..",
            "io.phiscale.jobs..",
            "org.apache.hadoop..",
            "org.apache.parquet..")
        .check(phiscale);
  }

  @Test
  void nothingDependsOnTheCommandLine() {
    noClasses()
        .that()
        .resideOutsideOfPackage("io.phiscale.jobs.cli..")
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage("io.phiscale.jobs.cli..", "picocli..")
        .check(phiscale);
  }

  @Test
  void configurationStandsAlone() {
    classes()
        .that()
        .resideInAPackage("io.phiscale.jobs.config..")
        .should()
        .onlyDependOnClassesThat()
        .resideInAnyPackage("io.phiscale.jobs.config..", "com.typesafe.config..", "java..")
        .check(phiscale);
  }

  @Test
  void hoconIsReadInOnePlace() {
    noClasses()
        .that()
        .resideOutsideOfPackage("io.phiscale.jobs.config..")
        .should()
        .dependOnClassesThat()
        .resideInAPackage("com.typesafe.config..")
        .check(phiscale);
  }
}
